"""What a new execution takes over from another one: the results that stand, as rows of its own.

Kept are the runs that completed, and the failures that a handler caught. A scope that failed, was cancelled
or was never joined is open again, with what its branches completed. One that is not open again is kept whole,
with what failed or was cancelled in it. Everything else runs anew.

What was undone does not stand, nor what is to run ``again``; nor then whatever was reached from it: what
follows on its line, the iterations and tasks that came of it, and what comes after the scopes around it,
which are open again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import orjson
from django.db.models import TextField
from django.db.models.functions import Cast

from executions.models import NodeRun
from executions.states import NodeStatus
from executions.transitions import Row
from workflows.definition import DagNode, Definition

SCOPES = frozenset({"parallel", "map", "loop", "dag"})
UNDOING = -1
"""The branch number of the runs that undo others: each belongs to the end of its own execution."""

Line = tuple[int | None, int | None]


def runs_of(execution_id: str, using: str = "default") -> list[NodeRun]:
    """By index, with their values as they are stored: secrets sealed, large ones elsewhere."""
    stored = {f"stored_{name}": Cast(name, TextField()) for name in ("input", "output")}
    runs = NodeRun.objects.using(using).filter(execution=execution_id).order_by("index")
    return list(runs.annotate(**stored))


def adopted(
    execution_id: str,
    runs: Sequence[NodeRun],
    source: str,
    definition: Definition | None = None,
    again: Collection[int] = (),
) -> list[Row]:
    """Rows for the journal, numbered anew. ``runs`` by index, all of an execution of ``definition``.

    ``again``: indexes of runs that are to run anew though they stand. Without a definition nobody can tell
    which tasks depend on one that does not stand.
    """
    fallen = Fallen(runs, definition)
    for index in [*undone(runs), *again]:
        fallen.drop(index)
    return _rows(execution_id, runs, source, fallen)


def undone(runs: Iterable[NodeRun]) -> list[int]:
    """Indexes of the runs whose effect was taken back."""
    return [
        run.previous
        for run in runs
        if run.branch == UNDOING and run.status == NodeStatus.COMPLETED and run.previous is not None
    ]


class Fallen:
    """Which runs do not stand, because others do not; and which scopes are open again for it."""

    def __init__(self, runs: Sequence[NodeRun], definition: Definition | None) -> None:
        self.runs: set[int] = set()
        self.reopened: set[int] = set()
        self._definition = definition
        self._by_index = {run.index: run for run in runs}
        self._lines: dict[Line, list[NodeRun]] = defaultdict(list)
        self._inside: dict[int, list[NodeRun]] = defaultdict(list)
        for run in runs:
            if run.branch != UNDOING:
                self._lines[run.scope, run.branch].append(run)
                if run.scope is not None:
                    self._inside[run.scope].append(run)

    def drop(self, index: int) -> None:
        """The run, and all that was reached from it."""
        run: NodeRun | None = self._by_index[index]
        first = True
        while run is not None:
            following = [each for each in self._lines[run.scope, run.branch] if each.index > run.index]
            self._drop_whole([run, *following] if first else following)
            scope = None if run.scope is None else self._by_index[run.scope]
            if scope is not None:
                self.reopened.add(scope.index)
                self._drop_whole(self._caused(scope, run.branch or 0))
            run, first = scope, False

    def _drop_whole(self, runs: Iterable[NodeRun]) -> None:
        """With everything inside of them."""
        pending = list(runs)
        while pending:
            run = pending.pop()
            if run.index not in self.runs:
                self.runs.add(run.index)
                pending.extend(self._inside.get(run.index, ()))

    def _caused(self, scope: NodeRun, branch: int) -> list[NodeRun]:
        """What other branches of the scope have run because of this one."""
        node = self._definition.nodes.get(scope.node_id) if self._definition else None
        if isinstance(node, DagNode):
            later = _dependents(node, branch)
            return [run for run in self._inside[scope.index] if run.branch in later]
        if scope.kind == "loop":
            return [run for run in self._inside[scope.index] if (run.branch or 0) > branch]
        return []


def _dependents(node: DagNode, task: int) -> set[int]:
    """The tasks that depend on it, by others too."""
    found: set[int] = set()
    pending = [task]
    while pending:
        at = pending.pop()
        more = {later for later, each in enumerate(node.tasks) if at in each.depends_on} - found
        found |= more
        pending.extend(more)
    return found


def _rows(execution_id: str, runs: Sequence[NodeRun], source: str, fallen: Fallen) -> list[Row]:
    numbers: dict[int | None, int | None] = {None: None}
    open_again: set[int | None] = {None}
    rows: list[Row] = []
    opened = {run.scope for run in runs}
    for run in runs:
        if run.branch == UNDOING or run.index in fallen.runs or run.scope not in numbers:
            continue
        within_open = run.scope in open_again
        reopens = run.index in fallen.reopened or (within_open and run.index in opened and _reopens(run))
        if reopens or _stands(run, within_open=within_open):
            numbers[run.index] = len(rows)
            open_again |= {run.index} if reopens else set()
            rows.append(_row(execution_id, run, numbers, None if reopens else run.adopted_from or source))
    return rows


def _stands(run: NodeRun, *, within_open: bool) -> bool:
    if not within_open:
        return run.started_at is not None or run.adopted_from is not None
    handled = run.status == NodeStatus.FAILED and run.next_node_id is not None
    return run.status == NodeStatus.COMPLETED or handled


def _reopens(run: NodeRun) -> bool:
    if run.kind not in SCOPES or run.next_node_id is not None:
        return False
    return run.status in (NodeStatus.FAILED, NodeStatus.CANCELLED, NodeStatus.RUNNING)


def _row(
    execution_id: str, run: NodeRun, numbers: Mapping[int | None, int | None], source: str | None
) -> Row:
    """``source``: whose result it is; None for a scope that is open again."""
    reopened = source is None
    return {
        "x": execution_id,
        "i": numbers[run.index],
        "fresh": True,
        "status": NodeStatus.RUNNING if reopened else run.status,
        "reason": "",
        "awaits": "",
        "attempt": 1 if reopened else run.attempt,
        "lost": 0,
        "input": _stored(run, "input"),
        "output": None if reopened else _stored(run, "output"),
        "error": None if reopened else run.error,
        "next": None if reopened else run.next_node_id,
        "attempts": [],
        "spans": [],
        "node": run.node_id,
        "kind": run.kind,
        "procedure": run.procedure,
        "previous": numbers.get(run.previous),
        "scope": numbers[run.scope],
        "branch": run.branch,
        "adopted": source,
    }


def _stored(run: NodeRun, name: str) -> Any:
    """As ``runs_of`` has read it, untouched."""
    if not hasattr(run, f"stored_{name}"):
        return getattr(run, name)
    text = getattr(run, f"stored_{name}")
    return None if text is None else orjson.Fragment(text)
