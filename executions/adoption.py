"""What a new execution takes over from an ended one: the results that stand, as rows of its own.

Kept are the runs that completed, and the failures that a handler caught. A scope that failed or was cancelled
is open again, with what its branches completed. One that is not open again is kept whole, with what failed or
was cancelled in it. Everything else runs anew.
"""

from __future__ import annotations

from collections.abc import Iterable

from executions.models import NodeRun
from executions.states import NodeStatus
from executions.transitions import Row

SCOPES = frozenset({"parallel"})


def adopted(execution_id: str, runs: Iterable[NodeRun], source: str) -> list[Row]:
    """Rows for the journal, numbered anew. ``runs`` by index, all of an execution that has ended."""
    numbers: dict[int | None, int | None] = {None: None}
    open_again: set[int | None] = {None}
    rows: list[Row] = []
    for run in runs:
        reopens = run.scope in open_again and _reopens(run)
        if run.scope in numbers and (reopens or _stands(run, within_open=run.scope in open_again)):
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
    unfinished = run.status in (NodeStatus.FAILED, NodeStatus.CANCELLED) and run.next_node_id is None
    return run.kind in SCOPES and unfinished


def _row(execution_id: str, run: NodeRun, numbers: dict[int | None, int | None], source: str | None) -> Row:
    """``source``: whose result it is; None for a scope that is open again."""
    reopened = source is None
    return {
        "x": execution_id,
        "i": numbers[run.index],
        "fresh": True,
        "status": NodeStatus.RUNNING if reopened else run.status,
        "reason": "",
        "attempt": 1 if reopened else run.attempt,
        "lost": 0,
        "input": run.input,
        "output": run.output,
        "error": None if reopened else run.error,
        "next": run.next_node_id,
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
