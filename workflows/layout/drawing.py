"""A definition's layout in numbers that an SVG can take as they are."""

from __future__ import annotations

from dataclasses import dataclass

from workflows.graph import edges
from workflows.layout.layers import Layers, Vertex, layered
from workflows.layout.places import heights
from workflows.structure import Definition, Edge

WIDTH, HEIGHT = 176.0, 44.0
LAYER_GAP, MARGIN = 72.0, 24.0
_LOOP, _TWIN = 36.0, 12.0


@dataclass(frozen=True, slots=True)
class Layout:
    """Boxes by node id, (x, y, width, height) from the top left; edges with the ``d`` of their paths."""

    width: float
    height: float
    nodes: dict[str, tuple[float, float, float, float]]
    edges: list[tuple[Edge, str]]


def layout(definition: Definition) -> Layout:
    drawn = edges(definition)
    pairs = dict.fromkeys((edge.source, edge.target) for edge in drawn)
    layers = layered(list(definition.nodes), definition.start_node, pairs)
    middles = heights(layers)
    columns = {vertex: column for column, row in enumerate(layers.rows) for vertex in row}
    pen = _Pen(layers, columns, middles)
    boxes = {node_id: (*pen.left(node_id), WIDTH, HEIGHT) for node_id in definition.nodes}
    low = max((y + HEIGHT for _, y, _, _ in boxes.values()), default=0.0)
    return Layout(
        width=2 * MARGIN + len(layers.rows) * (WIDTH + LAYER_GAP) - LAYER_GAP,
        height=low + MARGIN + (_LOOP if layers.back else 0.0),
        nodes=boxes,
        edges=pen.draw(drawn),
    )


class _Pen:
    def __init__(self, layers: Layers, columns: dict[Vertex, int], middles: dict[Vertex, float]) -> None:
        self.layers, self.columns, self.middles = layers, columns, middles

    def left(self, vertex: Vertex) -> tuple[float, float]:
        """The top left of its box."""
        x = MARGIN + self.columns[vertex] * (WIDTH + LAYER_GAP)
        return round(x, 1), round(MARGIN + self.middles[vertex], 1)

    def draw(self, drawn: list[Edge]) -> list[tuple[Edge, str]]:
        """Edges between the same two nodes are drawn beside one another."""
        seen: dict[tuple[str, str], int] = {}
        found = []
        for edge in drawn:
            pair = edge.source, edge.target
            twin = seen[pair] = seen.get(pair, -1) + 1
            path = self._back(*pair, twin) if pair in self.layers.back else self._forward(*pair, twin)
            found.append((edge, path))
        return found

    def _forward(self, source: str, target: str, twin: int) -> str:
        route = self.layers.routes.get((source, target), [source, target])
        x, y = self._port(source, twin)
        path = [f"M{x + WIDTH:g} {y:g}"]
        for vertex in route[1:]:
            from_x = x + WIDTH
            x, to_y = self._port(vertex, twin)
            bend = min((x - from_x) / 2, LAYER_GAP)
            path.append(f"C{from_x + bend:g} {y:g} {x - bend:g} {to_y:g} {x:g} {to_y:g}")
            y = to_y
            if vertex != target:
                path.append(f"L{x + WIDTH:g} {y:g}")
        return " ".join(path)

    def _back(self, source: str, target: str, twin: int) -> str:
        """From the bottom of one box to the bottom of the other, below both."""
        from_x, from_y = self.left(source)
        to_x, to_y = self.left(target)
        drop = max(from_y, to_y) + HEIGHT + _LOOP + twin * _TWIN
        start, end = from_x + WIDTH * 0.6, to_x + WIDTH * 0.4
        return (
            f"M{start:g} {from_y + HEIGHT:g} C{start:g} {drop:g} {end:g} {drop:g} {end:g} {to_y + HEIGHT:g}"
        )

    def _port(self, vertex: Vertex, twin: int) -> tuple[float, float]:
        x, y = self.left(vertex)
        return x, round(y + HEIGHT / 2 + twin * _TWIN, 1)
