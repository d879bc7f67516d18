"""The graph: the definition's layout with the state of each node, ready to be drawn as SVG."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from executions.models import Execution
from executions.states import NodeStatus
from executions.ui.outline import Outline
from executions.ui.vocabulary import UNREACHED
from workflows import layout, library
from workflows.structure import Definition, Edge, Node

AT_ONCE = 150
"""Nodes drawn without being asked for."""
AT_MOST = 1500
LETTERS = 20

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Box:
    id: str
    title: str
    subtitle: str
    kind: str
    status: str
    times: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Line:
    kind: str
    path: str
    label: str
    taken: bool
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Graph:
    """``boxes`` is empty where the graph is too large to be drawn unasked (``askable``) or at all."""

    size: int
    width: float = 0
    height: float = 0
    boxes: tuple[Box, ...] = ()
    lines: tuple[Line, ...] = ()

    @property
    def askable(self) -> bool:
        return self.size <= AT_MOST


def graph(execution: Execution, outline: Outline, *, asked: bool) -> Graph:
    definition = library.definition(execution.version)
    if len(definition.nodes) > (AT_MOST if asked else AT_ONCE):
        return Graph(len(definition.nodes))
    placed = layout.layout(definition)
    return Graph(
        len(definition.nodes),
        placed.width,
        placed.height,
        tuple(_boxes(definition, placed.nodes, outline)),
        tuple(_line(edge, path, outline) for edge, path in placed.edges),
    )


def _boxes(
    definition: Definition, places: dict[str, tuple[float, float, float, float]], outline: Outline
) -> Iterable[Box]:
    latest, times = outline.latest, outline.times
    for node_id, (x, y, width, height) in places.items():
        node = definition.nodes[node_id]
        yield Box(
            id=node_id,
            title=_short(node.name or node_id),
            subtitle=_short(_what(node)),
            kind=node.kind,
            status=latest.get(node_id, UNREACHED),
            times=times[node_id],
            x=x,
            y=y,
            width=width,
            height=height,
        )


def _line(edge: Edge, path: str, outline: Outline) -> Line:
    latest = outline.latest
    came = latest.get(edge.source) in (NodeStatus.COMPLETED, NodeStatus.FAILED, NodeStatus.RUNNING)
    x, y = _middle(path)
    return Line(str(edge.kind), path, edge.label, came and edge.target in latest, x, y)


def _what(node: Node) -> str:
    return node.procedure or node.kind


def _short(text: str) -> str:
    return text if len(text) <= LETTERS else text[: LETTERS - 1] + "…"


def _middle(path: str) -> Point:
    """Where a label goes: the middle of the path's first curve, or of the line between its ends."""
    numbers = [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", path)]
    points = list(zip(numbers[::2], numbers[1::2], strict=False))
    if len(points) == 4:
        weights = (1, 3, 3, 1)
        return tuple(  # type: ignore[return-value]
            sum(weight * point[axis] for weight, point in zip(weights, points, strict=True)) / 8
            for axis in (0, 1)
        )
    middle = points[len(points) // 2]
    return (middle[0], middle[1])
