"""Nodes in layers, each edge leading to a later one; an edge over several layers is cut by waypoints."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from workflows.graph import back_edges

WAYPOINTS = 5_000
"""Enough for any graph that a reader can follow; further long edges are drawn straight."""

Vertex = str | int
"""A node by its id, a waypoint by its number."""
Pair = tuple[str, str]


@dataclass(slots=True)
class Layers:
    """``rows`` are the layers from left to right; ``routes`` leads each edge through its waypoints."""

    rows: list[list[Vertex]]
    back: set[Pair]
    routes: dict[Pair, list[Vertex]] = field(default_factory=dict)
    neighbours: dict[Vertex, tuple[list[Vertex], list[Vertex]]] = field(default_factory=dict)
    """Before and after, one layer away each."""


def layered(node_ids: Sequence[str], start: str, pairs: Iterable[Pair]) -> Layers:
    """``pairs`` are the edges, each once. Those that lead back are set apart."""
    ordered = (
        [start, *(node_id for node_id in node_ids if node_id != start)] if start in node_ids else [*node_ids]
    )
    following: dict[str, list[str]] = {node_id: [] for node_id in ordered}
    for source, target in pairs:
        following[source].append(target)
    back = back_edges(following)
    forward = {
        source: [target for target in targets if (source, target) not in back]
        for source, targets in following.items()
    }
    return _cut(forward, _ranks(forward), back)


def _ranks(forward: dict[str, list[str]]) -> dict[str, int]:
    """The longest way to each node from where nothing comes before."""
    waiting = dict.fromkeys(forward, 0)
    for targets in forward.values():
        for target in targets:
            waiting[target] += 1
    ranks = dict.fromkeys(forward, 0)
    ready = deque(node_id for node_id, count in waiting.items() if count == 0)
    while ready:
        source = ready.popleft()
        for target in forward[source]:
            ranks[target] = max(ranks[target], ranks[source] + 1)
            waiting[target] -= 1
            if waiting[target] == 0:
                ready.append(target)
    return ranks


def _cut(forward: dict[str, list[str]], ranks: dict[str, int], back: set[Pair]) -> Layers:
    layers = Layers([[] for _ in range(max(ranks.values(), default=-1) + 1)], back)
    for node_id in forward:
        layers.rows[ranks[node_id]].append(node_id)
        layers.neighbours[node_id] = ([], [])
    made = 0
    for source, targets in forward.items():
        for target in targets:
            between = range(ranks[source] + 1, ranks[target])
            if made + len(between) > WAYPOINTS:
                continue
            route: list[Vertex] = [source, *range(made, made + len(between)), target]
            made += len(between)
            for rank, waypoint in zip(between, route[1:-1], strict=True):
                layers.rows[rank].append(waypoint)
                layers.neighbours[waypoint] = ([], [])
            layers.routes[source, target] = route
            for earlier, later in pairwise(route):
                layers.neighbours[earlier][1].append(later)
                layers.neighbours[later][0].append(earlier)
    return layers
