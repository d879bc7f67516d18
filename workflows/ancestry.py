"""Which nodes may have run before a node does. Near linear: sets of nodes are the bits of one number."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from typing import NamedTuple

from workflows.graph import Place, entering, leaving, places
from workflows.structure import Definition, Node


class Ancestry:
    """``may_precede(a, b)``: whether ``a`` can have run when ``b`` starts. Only for the nodes asked about."""

    def __init__(self, definition: Definition, wanted: Iterable[str]) -> None:
        self._bits = {node_id: 1 << place for place, node_id in enumerate(dict.fromkeys(wanted))}
        self._before = _before(_flow(definition), self._bits)

    def may_precede(self, earlier: str, later: str) -> bool:
        return bool(self._bits[earlier] & self._before.get(later, 0))

    def may_precede_end(self, earlier: str, scope: str) -> bool:
        """Whether ``earlier`` can have run when the scope that this node opens is weighed."""
        return self.may_precede(earlier, _end(scope))


class Flow(NamedTuple):
    """``following`` is by vertex: the nodes, for each scope an end that its members lead to, and one for each
    branch that another waits for."""

    vertices: list[str]
    following: list[list[int]]


def may_repeat(definition: Definition) -> bool:
    """Whether a node may run more than once: in a cycle, or for each item."""
    if any(definition.nodes[node_id].repeats for node_id in places(definition).of):
        return True
    flow = _flow(definition)
    return any(_is_cyclic(flow, members) for members in _components(flow))


def _flow(definition: Definition) -> Flow:
    placed = places(definition).of
    opening = [definition.nodes[node_id] for node_id in placed if definition.nodes[node_id].branches]
    awaited = dict.fromkeys((node.id, before) for node in opening for before, _ in node.order())
    vertices = [*placed, *(_end(node.id) for node in opening), *(_end(*branch) for branch in awaited)]
    numbers = {name: number for number, name in enumerate(vertices)}
    following: list[list[int]] = [[] for _ in vertices]
    for source, target in _arrows(definition, placed, awaited):
        if target in numbers:
            following[numbers[source]].append(numbers[target])
    return Flow(vertices, following)


def _arrows(
    definition: Definition, placed: dict[str, Place], awaited: Container[Place]
) -> Iterator[tuple[str, str]]:
    for node_id, place in placed.items():
        node = definition.nodes[node_id]
        outer = None if place is None else _end(*place) if place in awaited else _end(place[0])
        yield from _line(node, outer)
        yield from ((node.id, edge.target) for edge in entering(node))
        yield from _between(node)


def _line(node: Node, outer: str | None) -> Iterator[tuple[str, str]]:
    """What may come after the node: after a scope's end, whatever may follow the scope node itself."""
    for source in (node.id, _end(node.id)) if node.branches else (node.id,):
        yield from ((source, edge.target) for edge in leaving(node))
        if outer is not None:
            yield source, outer


def _between(node: Node) -> Iterator[tuple[str, str]]:
    """From the branches that others wait for."""
    firsts, waited = node.branches, set[int]()
    for before, after in node.order():
        if before not in waited:
            waited.add(before)
            yield _end(node.id, before), _end(node.id)
        yield _end(node.id, before), firsts[after]


def _end(node_id: str, branch: int | None = None) -> str:
    return f"{node_id}/end" if branch is None else f"{node_id}/{branch}"


def _before(flow: Flow, bits: dict[str, int]) -> dict[str, int]:
    own = [bits.get(name, 0) for name in flow.vertices]
    before = [0] * len(own)
    for members in reversed(_components(flow)):
        if _is_cyclic(flow, members):
            together = 0
            for vertex in members:
                together |= before[vertex] | own[vertex]
            for vertex in members:
                before[vertex] = together
        for vertex in members:
            after = before[vertex] | own[vertex]
            for target in flow.following[vertex]:
                before[target] |= after
    return dict(zip(flow.vertices, before, strict=True))


def _is_cyclic(flow: Flow, members: list[int]) -> bool:
    return len(members) > 1 or members[0] in flow.following[members[0]]


def _components(flow: Flow) -> list[list[int]]:
    """Strongly connected ones, those that come last first (Tarjan's algorithm with a stack of its own)."""
    order = [-1] * len(flow.vertices)
    low = [0] * len(flow.vertices)
    is_open = [False] * len(flow.vertices)
    found: list[list[int]] = []
    open_vertices: list[int] = []
    count = 0
    for root in range(len(flow.vertices)):
        if order[root] >= 0:
            continue
        path = [(root, iter(flow.following[root]))]
        while path:
            vertex, targets = path[-1]
            if order[vertex] < 0:
                order[vertex] = low[vertex] = count
                count += 1
                open_vertices.append(vertex)
                is_open[vertex] = True
            target = next(targets, None)
            if target is None:
                path.pop()
                if path:
                    low[path[-1][0]] = min(low[path[-1][0]], low[vertex])
                if low[vertex] == order[vertex]:
                    found.append(_closed(open_vertices, is_open, vertex))
            elif order[target] < 0:
                path.append((target, iter(flow.following[target])))
            elif is_open[target]:
                low[vertex] = min(low[vertex], order[target])
    return found


def _closed(open_vertices: list[int], is_open: list[bool], root: int) -> list[int]:
    members = []
    while True:
        vertex = open_vertices.pop()
        is_open[vertex] = False
        members.append(vertex)
        if vertex == root:
            return members
