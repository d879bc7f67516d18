"""Where the nodes and edges of a definition go when it is drawn, left to right. Pure and deterministic.

The steps are Sugiyama's: layers, order within them, coordinates, curves.
"""

from workflows.layout.drawing import Layout, layout

__all__ = ["Layout", "layout"]
