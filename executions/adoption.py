"""What a new execution takes over from an ended one: the results that stand, as rows of its own.

Kept are the runs that completed, and the failures that a handler caught. A scope that failed or was cancelled is
open again, with what its branches completed; everything else runs anew.
"""

from __future__ import annotations

from collections.abc import Iterable

from executions.models import NodeRun
from executions.states import NodeStatus
from executions.transitions import Row

SCOPES = frozenset({"parallel"})


def adopted(execution_id: str, runs: Iterable[NodeRun], source: str) -> list[Row]:
    """Rows for the journal, numbered anew. ``runs`` by index."""
    numbers: dict[int, int] = {}
    rows: list[Row] = []
    for run in runs:
        if not _stands(run) or (run.scope is not None and run.scope not in numbers):
            continue
        numbers[run.index] = len(rows)
        rows.append(_row(execution_id, run, numbers, source))
    return rows


def _stands(run: NodeRun) -> bool:
    handled = run.status == NodeStatus.FAILED and run.next_node_id is not None
    return run.status == NodeStatus.COMPLETED or handled or _reopens(run)


def _reopens(run: NodeRun) -> bool:
    unfinished = run.status in (NodeStatus.FAILED, NodeStatus.CANCELLED) and run.next_node_id is None
    return run.kind in SCOPES and run.started_at is not None and unfinished


def _row(execution_id: str, run: NodeRun, numbers: dict[int, int], source: str) -> Row:
    reopened = _reopens(run)
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
        "previous": None if run.previous is None else numbers.get(run.previous),
        "scope": None if run.scope is None else numbers[run.scope],
        "branch": run.branch,
        "adopted": None if reopened else (run.adopted_from or source),
    }
