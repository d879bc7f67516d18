"""Whether what an execution has run under one definition can go on under another one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from workflows.graph import Place, places
from workflows.kinds.dag import DagNode
from workflows.kinds.loop import LoopNode
from workflows.structure import Definition, Node

ENDED = frozenset({"completed", "failed", "skipped", "cancelled"})


class Standing(Protocol):
    """What is read of a node run.

    ``scope`` is the index of the run that opened its scope; ``branch`` the number of the branch, the item or
    the round, negative where the run undoes another one; ``next_node_id`` where its line goes on.
    """

    @property
    def index(self) -> int: ...
    @property
    def node_id(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def scope(self) -> int | None: ...
    @property
    def branch(self) -> int | None: ...
    @property
    def next_node_id(self) -> str | None: ...


class Obstacle(NamedTuple):
    """What keeps a node's runs from being runs of the new definition."""

    node_id: str
    reason: str

    def __str__(self) -> str:
        return f"node {self.node_id!r} {self.reason}" if self.node_id else self.reason


def compatibility(old: Definition, new: Definition, standing: Iterable[Standing]) -> list[Obstacle]:
    """All that is in the way, each once; empty: it can go on.

    A node that has run must still be there, of the same kind and in the same place, and one that has not
    ended must be on a line. A scope that is open must have the same branches, tasks or way of going round;
    what a map or a loop goes through was settled when it began. Everything else may be another:
    configurations, policies, what follows.
    """
    runs = sorted(standing, key=lambda run: run.index)
    ground = _Ground(new, places(new).of, {run.index: run for run in runs})
    found = [*_moved(runs, ground), *_reopened(runs, old, new), *_dangling(runs, old, ground)]
    if len(runs) > new.limits.node_runs:
        found.append(Obstacle("", f"limits.nodeRuns is {new.limits.node_runs}; it has {len(runs)} already"))
    return list(dict.fromkeys(found))


class _Ground(NamedTuple):
    """The new definition, as far as it must bear the runs."""

    definition: Definition
    placed: dict[str, Place]
    runs: dict[int, Standing]

    def place(self, run: Standing) -> Place:
        """Where the run stands, by its rows. Items and rounds all run in the first branch."""
        if run.scope is None:
            return None
        scope = self.runs[run.scope]
        return scope.node_id, 0 if scope.kind in ("map", "loop") else run.branch or 0


def _moved(runs: Sequence[Standing], ground: _Ground) -> Iterator[Obstacle]:
    for run in runs:
        node = ground.definition.nodes.get(run.node_id)
        if node is None:
            yield Obstacle(run.node_id, "has run, and is gone")
        elif node.kind != run.kind:
            yield Obstacle(run.node_id, f"has run as {run.kind}, and is of type {node.kind} now")
        elif run.branch is not None and run.branch < 0:
            yield Obstacle(run.node_id, "undoes what has run: that is to end as it began")
        elif run.node_id not in ground.placed:
            if run.status not in ENDED:
                yield Obstacle(run.node_id, "has not ended, and no line leads to it any more")
        elif ground.placed[run.node_id] != ground.place(run):
            was, now = _told(ground.place(run)), _told(ground.placed[run.node_id])
            yield Obstacle(run.node_id, f"has run in {was}, and belongs to {now} now")


def _reopened(runs: Sequence[Standing], old: Definition, new: Definition) -> Iterator[Obstacle]:
    for run in runs:
        before, after = old.nodes.get(run.node_id), new.nodes.get(run.node_id)
        if before is None or after is None or before.kind != after.kind:
            continue
        reason = _reread(before, after) if run.status in ENDED else _rebuilt(before, after)
        if reason is not None:
            yield Obstacle(run.node_id, reason)


def _reread(before: Node, after: Node) -> str | None:
    """Of a scope that is over: its rounds must still be the items that they were, or none."""
    match before, after:
        case LoopNode(), LoopNode() if (before.items is None) is not (after.items is None):
            return f"has gone round by {before.mode}, and goes by {after.mode} now"
    return None


def _rebuilt(before: Node, after: Node) -> str | None:
    """Of a scope that is open."""
    match before, after:
        case LoopNode(), LoopNode() if before.mode != after.mode:
            return f"is open, and goes round by {after.mode} now, not by {before.mode}"
        case DagNode(), DagNode() if before.tasks != after.tasks:
            return "is open, and has other tasks or dependencies"
    if not before.repeats and before.branches != after.branches:
        return "is open, and has other branches"
    return None


def _dangling(runs: Sequence[Standing], old: Definition, ground: _Ground) -> Iterator[Obstacle]:
    """What lines are about to come to: the last run of each has ended, and leads on."""
    last = {(run.scope, run.branch): run for run in runs}
    for run in last.values():
        target = run.next_node_id
        scope = None if run.scope is None else ground.runs[run.scope]
        if run.status not in ENDED or target is None or (scope is not None and scope.status in ENDED):
            continue
        if scope is not None and old.nodes[scope.node_id].next == target:
            after = ground.definition.nodes.get(scope.node_id)
            if after is not None and after.next != target:
                yield Obstacle(
                    scope.node_id, f"is open, a branch has ended before {target!r}: that is to follow"
                )
        elif target not in ground.definition.nodes:
            yield Obstacle(target, f"comes next after {run.node_id!r}, and is gone")
        elif ground.placed.get(target, ()) != ground.place(run):
            yield Obstacle(target, f"comes next after {run.node_id!r}, and is not on the same line now")


def _told(place: Place) -> str:
    return "the main line" if place is None else f"branch {place[1]} of {place[0]!r}"
