"""The definition as a graph: who follows whom, and which scope a node belongs to. Linear and iterative."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice

from workflows.errors import Problem
from workflows.structure import Definition, Edge, Node

DRAWN = 20_000
"""Edges that lead on from branches: tasks may have a million dependencies, which no reader could follow."""

Place = tuple[str, int] | None
"""Where a line runs: a branch of a scope node, or None for the main line."""


@dataclass(slots=True)
class Places:
    """``of`` gives each reachable node's place; ``crossings`` are the edges that leave one wrongly."""

    of: dict[str, Place] = field(default_factory=dict)
    crossings: list[Problem] = field(default_factory=list)


def successors(node: Node) -> tuple[str, ...]:
    """Where the node's line may go on in its own scope, its error handler included."""
    return tuple(edge.target for edge in leaving(node))


def leaving(node: Node) -> Iterator[Edge]:
    yield from node.exits()
    if node.on_error is not None:
        yield node.edge(node.on_error, "error", "error", "/onError")


def entering(node: Node) -> Iterator[Edge]:
    """Into the branches of a scope node."""
    return node.entries()


def scopes(definition: Definition) -> dict[str, list[list[str]]]:
    """For each reachable scope node the members of its branches, in the order in which they are reached."""
    placed = places(definition).of
    found: dict[str, list[list[str]]] = {
        node_id: [[] for _ in definition.nodes[node_id].branches]
        for node_id in placed
        if definition.nodes[node_id].branches
    }
    for node_id, place in placed.items():
        if place is not None:
            found[place[0]][place[1]].append(node_id)
    return found


def places(definition: Definition) -> Places:
    """Follow every line from the start, outer scopes before inner ones."""
    found = Places()
    start = Edge("", definition.start_node, pointer="/startNode")
    waiting: deque[tuple[Edge, Place]] = deque([(start, None)])
    while waiting:
        waiting.extend(_follow(definition, found, *waiting.popleft()))
    return found


def edges(definition: Definition) -> list[Edge]:
    """As they are drawn, between nodes that exist.

    A branch's last nodes lead on to what comes next: what follows the join, the tasks that wait for this one,
    or the loop's next time round.
    """
    placed = places(definition).of
    written = [edge for node in definition.nodes.values() for edge in _written(definition, placed, node)]
    return _looped(definition, [*written, *islice(_onward(definition, placed), DRAWN)])


def back_edges(following: Mapping[str, Iterable[str]]) -> set[tuple[str, str]]:
    """Edges to a node that is still being visited, depth first, from the first key on."""
    back: set[tuple[str, str]] = set()
    visited: set[str] = set()
    for root in following:
        if root not in visited:
            back.update(_back_from(root, following, visited))
    return back


def _follow(definition: Definition, found: Places, entry: Edge, place: Place) -> list[tuple[Edge, Place]]:
    """Place what the line comes to; gives the branches that it opens."""
    after = None if place is None else definition.nodes[place[0]].next
    if entry.target == after:
        found.crossings.append(
            Problem(entry.pointer, f"a branch cannot begin with {after!r}, which comes after the join")
        )
    opened: list[tuple[Edge, Place]] = []
    pending = deque([entry])
    while pending:
        edge = pending.popleft()
        node = definition.nodes.get(edge.target)
        if node is None or edge.target == after:
            continue
        if node.id in found.of:
            if found.of[node.id] != place:
                found.crossings.append(_crossing(edge, place, found.of[node.id]))
            continue
        found.of[node.id] = place
        pending.extend(leaving(node))
        opened.extend((branch, (node.id, position)) for position, branch in enumerate(entering(node)))
    return opened


def _crossing(edge: Edge, place: Place, there: Place) -> Problem:
    told = f"{edge.target!r} belongs to {_told(there)}; an edge from {_told(place)} may not lead there"
    if place is not None and there is not None and place[0] == there[0]:
        told += f" (to run it once after the join, make it 'next' of {place[0]!r})"
    return Problem(edge.pointer, told)


def _told(place: Place) -> str:
    return "the main line" if place is None else f"branch {place[1]} of {place[0]!r}"


def _written(definition: Definition, placed: dict[str, Place], node: Node) -> Iterator[Edge]:
    """What the document says, where it is not drawn as leading on from branches."""
    later = {after for before, after in node.order() if before != after}
    for position, edge in enumerate(entering(node)):
        if position not in later and edge.target in definition.nodes:
            yield edge
    joined = _next_of_scope(definition, placed.get(node.id))
    for edge in leaving(node):
        is_drawn_by_branches = edge.kind == "next" and _is_joined(definition, placed, node)
        if edge.target in definition.nodes and edge.target != joined and not is_drawn_by_branches:
            yield edge
    if node.compensate in definition.nodes:
        yield node.edge(str(node.compensate), "compensate", "undo", "/compensate")


def _onward(definition: Definition, placed: dict[str, Place]) -> Iterator[Edge]:
    """From where the line of a branch may end. Outer scopes come first in ``placed``."""
    followers = _followers(definition, placed)
    after: dict[Place, list[tuple[str, str]]] = {None: []}
    for node_id, place in placed.items():
        if place not in after:
            outer = after[placed[place[0]]] if place is not None else []
            after[place] = followers.get(place) or _joins(definition, place) or outer
        node = definition.nodes[node_id]
        if _may_end(definition, place, node) and not _is_joined(definition, placed, node):
            yield from (node.edge(target, kind) for target, kind in after[place])


def _followers(definition: Definition, placed: dict[str, Place]) -> dict[Place, list[tuple[str, str]]]:
    """What begins, or begins again, when a branch has ended."""
    found: dict[Place, list[tuple[str, str]]] = defaultdict(list)
    for node in map(definition.nodes.__getitem__, placed):
        firsts = node.branches
        for before, after in node.order():
            if before == after:
                found[node.id, before].append((node.id, "loop"))
            elif firsts[after] in definition.nodes:
                found[node.id, before].append((firsts[after], "depends"))
    return found


def _joins(definition: Definition, place: Place) -> list[tuple[str, str]]:
    following = _next_of_scope(definition, place)
    return [(following, "join")] if following in definition.nodes and following is not None else []


def _may_end(definition: Definition, place: Place, node: Node) -> bool:
    if not any(edge.target in definition.nodes for edge in node.exits()):
        return True
    following = _next_of_scope(definition, place)
    return following is not None and following in successors(node)


def _next_of_scope(definition: Definition, place: Place) -> str | None:
    return None if place is None else definition.nodes[place[0]].next


def _is_joined(definition: Definition, placed: dict[str, Place], node: Node) -> bool:
    """Whether what follows the node is drawn as the joins of its branches; a loop leads on by itself."""
    is_open = any(target in definition.nodes for target in node.branches) and node.id in placed
    return is_open and (0, 0) not in islice(node.order(), 1)


def _looped(definition: Definition, drawn: list[Edge]) -> list[Edge]:
    """An ordinary edge that leads back becomes a loop's."""
    first = [definition.start_node] if definition.start_node in definition.nodes else []
    following: dict[str, list[str]] = {node_id: [] for node_id in (*first, *definition.nodes)}
    for edge in drawn:
        following[edge.source].append(edge.target)
    back = back_edges(following)
    return [
        replace(edge, kind="loop") if edge.kind == "next" and (edge.source, edge.target) in back else edge
        for edge in drawn
    ]


def _back_from(
    root: str, following: Mapping[str, Iterable[str]], visited: set[str]
) -> Iterator[tuple[str, str]]:
    visited.add(root)
    open_nodes = {root}
    path = [(root, iter(following[root]))]
    while path:
        source, targets = path[-1]
        target = next(targets, None)
        if target is None:
            open_nodes.discard(path.pop()[0])
        elif target in open_nodes:
            yield source, target
        elif target not in visited:
            visited.add(target)
            open_nodes.add(target)
            path.append((target, iter(following[target])))
