"""What two definitions differ in. Pure: of documents alone, whatever has run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, Literal

from workflows.expressions.templates import escaped
from workflows.graph import entering, leaving
from workflows.structure import Definition, Edge, Node


class _Absent(Enum):
    ABSENT = "absent"


ABSENT: Final = _Absent.ABSENT
"""No value at all, where null would be one."""

Value = Any | Literal[_Absent.ABSENT]


@dataclass(frozen=True, slots=True)
class Change:
    """One value that is another. ``pointer``: from the node, or from the document."""

    pointer: str
    old: Value
    new: Value

    def document(self) -> dict[str, Any]:
        """``old`` or ``new`` is left out where there is none."""
        values = {"old": self.old, "new": self.new}
        return {
            "pointer": self.pointer,
            **{name: value for name, value in values.items() if value is not ABSENT},
        }


@dataclass(frozen=True, slots=True)
class Difference:
    """Ids of nodes in the order of their documents; a node that has another id is removed and added.

    ``changed`` are the nodes that are in both, ``fields`` what differs beside the nodes. Edges are those that
    are written, dependencies and compensation included: (source, target, kind).
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: Mapping[str, tuple[Change, ...]] = field(default_factory=dict)
    edges_added: tuple[tuple[str, str, str], ...] = ()
    edges_removed: tuple[tuple[str, str, str], ...] = ()
    fields: tuple[Change, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.fields)

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "added": list(self.added),
            "removed": list(self.removed),
            "changed": [
                {"node": node_id, "changes": [change.document() for change in changes]}
                for node_id, changes in self.changed.items()
            ],
            "edges": {"added": _named(self.edges_added), "removed": _named(self.edges_removed)},
            "fields": [change.document() for change in self.fields],
        }


def difference(old: Definition, new: Definition) -> Difference:
    """What is to be done to ``old`` to make it ``new``. The order of nodes and of keys does not count."""
    before, after = _nodes(old), _nodes(new)
    both = [node_id for node_id in after if node_id in before]
    changed = {node_id: tuple(changes(before[node_id], after[node_id])) for node_id in both}
    old_edges, new_edges = dict.fromkeys(_edges(old)), dict.fromkeys(_edges(new))
    return Difference(
        added=tuple(node_id for node_id in after if node_id not in before),
        removed=tuple(node_id for node_id in before if node_id not in after),
        changed={node_id: found for node_id, found in changed.items() if found},
        edges_added=tuple(edge for edge in new_edges if edge not in old_edges),
        edges_removed=tuple(edge for edge in old_edges if edge not in new_edges),
        fields=tuple(changes(_without_nodes(old), _without_nodes(new))),
    )


def changes(old: Value, new: Value, pointer: str = "") -> Iterator[Change]:
    """Where two JSON values differ, as deep as their shapes agree; lists of unlike lengths as a whole."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys([*old, *new]):
            at = f"{pointer}/{escaped(key)}"
            yield from changes(old.get(key, ABSENT), new.get(key, ABSENT), at)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for position, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from changes(one, other, f"{pointer}/{position}")
    elif old != new or isinstance(old, bool) is not isinstance(new, bool):
        yield Change(pointer, old, new)


def _nodes(definition: Definition) -> dict[str, dict[str, Any]]:
    """As they are written; null is the same as nothing."""
    return {
        document["id"]: {name: value for name, value in document.items() if value is not None}
        for document in definition.document["nodes"]
    }


def _without_nodes(definition: Definition) -> dict[str, Any]:
    return {
        name: value for name, value in definition.document.items() if name != "nodes" and value is not None
    }


def _edges(definition: Definition) -> Iterator[tuple[str, str, str]]:
    for node in definition.nodes.values():
        for edge in _written(node):
            yield edge.source, edge.target, edge.kind


def _written(node: Node) -> Iterator[Edge]:
    yield from entering(node)
    yield from leaving(node)
    firsts = node.branches
    for before, after in node.order():
        if before != after:
            yield Edge(firsts[before], firsts[after], "depends")
    if node.compensate is not None:
        yield node.edge(node.compensate, "compensate")


def _named(edges: tuple[tuple[str, str, str], ...]) -> list[dict[str, str]]:
    return [{"source": source, "target": target, "kind": kind} for source, target, kind in edges]
