"""The definition as a graph: who follows whom, and which scope a node belongs to. Linear and iterative."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from workflows.errors import Problem
from workflows.structure import Definition, Edge, Node

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
    for position, target in enumerate(node.branches):
        yield node.edge(target, "branch", "", f"/config/branches/{position}")


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
    """As they are drawn: between nodes that exist; a branch's last nodes lead on to what follows the join."""
    placed = places(definition).of
    written = [
        edge
        for node in definition.nodes.values()
        for edge in (*entering(node), *leaving(node))
        if edge.target in definition.nodes
    ]
    joins = [edge for node_id in placed for edge in _joins(definition, placed, node_id)]
    joined = {(edge.source, edge.target) for edge in joins}
    after = _joined_scopes(definition, placed)
    kept = [
        edge
        for edge in written
        if (edge.source, edge.target) not in joined and not (edge.kind == "next" and edge.source in after)
    ]
    return _looped(definition, [*kept, *joins])


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


def _joins(definition: Definition, placed: dict[str, Place], node_id: str) -> Iterator[Edge]:
    """From a branch's node to what follows the join, where its line may end."""
    node, place = definition.nodes[node_id], placed[node_id]
    if place is None or (node.branches and _ends(definition, node)):
        return
    after = _after(definition, placed, place)
    target = definition.nodes[place[0]].next
    if after is not None and (_ends(definition, node) or target in successors(node)):
        yield node.edge(after, "join")


def _ends(definition: Definition, node: Node) -> bool:
    return not any(edge.target in definition.nodes for edge in node.exits())


def _after(definition: Definition, placed: dict[str, Place], place: Place) -> str | None:
    """What follows the scope, or the first scope around it that has something following."""
    while place is not None:
        following = definition.nodes[place[0]].next
        if following is not None:
            return following if following in definition.nodes else None
        place = placed[place[0]]
    return None


def _joined_scopes(definition: Definition, placed: dict[str, Place]) -> set[str]:
    """Scope nodes whose own ``next`` is drawn as the joins of their branches."""
    return {place[0] for place in placed.values() if place is not None}


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
