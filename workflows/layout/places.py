"""Order and height within the layers: few crossings, straight lines where there is room."""

from __future__ import annotations

from collections.abc import Sequence

from workflows.layout.layers import Layers, Vertex

SWEEPS = 6
NODE_GAP, WAYPOINT_GAP = 68.0, 28.0
"""Between the middles of neighbours in a layer."""


def heights(layers: Layers) -> dict[Vertex, float]:
    """The middle of every vertex; layers are put in order on the way."""
    _order(layers)
    placed = {
        vertex: y
        for row in layers.rows
        for vertex, y in zip(row, _spread(row, [0.0] * len(row)), strict=True)
    }
    for sweep in range(SWEEPS):
        side = sweep % 2
        for row in layers.rows if side == 0 else reversed(layers.rows):
            wanted = [
                _mean([placed[other] for other in layers.neighbours[vertex][side]], placed[vertex])
                for vertex in row
            ]
            placed.update(zip(row, _spread(row, wanted), strict=True))
    highest = min(placed.values(), default=0.0)
    return {vertex: y - highest for vertex, y in placed.items()}


def _order(layers: Layers) -> None:
    """Barycentre sweeps, forwards and back; what is equal stays as it was."""
    at = {vertex: float(place) for row in layers.rows for place, vertex in enumerate(row)}
    for sweep in range(SWEEPS):
        side = sweep % 2
        for row in layers.rows if side == 0 else reversed(layers.rows):
            centre = {
                vertex: _mean([at[other] for other in layers.neighbours[vertex][side]], at[vertex])
                for vertex in row
            }
            row.sort(key=centre.__getitem__)
            at.update((vertex, float(place)) for place, vertex in enumerate(row))


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _spread(row: Sequence[Vertex], wanted: Sequence[float]) -> list[float]:
    """As near to what is wanted as the gaps allow (least squares: neighbours that touch share their mean)."""
    offsets = _offsets(row)
    blocks: list[tuple[float, int]] = []
    for offset, want in zip(offsets, wanted, strict=True):
        total, count = want - offset, 1
        while blocks and blocks[-1][0] / blocks[-1][1] > total / count:
            earlier, members = blocks.pop()
            total, count = total + earlier, count + members
        blocks.append((total, count))
    bases = [total / count for total, count in blocks for _ in range(count)]
    return [base + offset for base, offset in zip(bases, offsets, strict=True)]


def _offsets(row: Sequence[Vertex]) -> list[float]:
    """Each vertex from the first, as close as they may be."""
    offsets, y = [], 0.0
    for place, vertex in enumerate(row):
        if place:
            y += (_gap(row[place - 1]) + _gap(vertex)) / 2
        offsets.append(y)
    return offsets


def _gap(vertex: Vertex) -> float:
    return NODE_GAP if isinstance(vertex, str) else WAYPOINT_GAP
