"""A flow from its rows: what a take-over, a resume and a retry go on from.

A line of control is strictly sequential, so each is read back on its own, in the order of its runs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Protocol

from executions.flow.plan import Plan
from executions.flow.state import Flow, Frame, Run, Scope
from executions.states import NodeStatus
from workflows.definition import Definition


class Row(Protocol):
    """What is read of a ``NodeRun``."""

    index: int
    node_id: str
    status: str
    wait_reason: str
    attempt: int
    lost: int
    previous: int | None
    scope: int | None
    branch: int | None
    input: Any
    output: Any
    error: Any
    next_node_id: str | None
    attempts: list[dict[str, Any]]
    spans: list[dict[str, Any]]
    started_at: datetime | None
    attempt_at: datetime | None
    ended_at: datetime | None
    available_at: datetime | None
    ended_seq: int | None
    adopted_from: str | None


Lines = dict[tuple[int | None, int | None], list[Run]]


def restore(definition: Definition, execution_id: str, input: dict[str, Any], rows: Iterable[Row]) -> Flow:
    """The flow as it stood after its last committed transition. ``rows`` are by index."""
    flow = Flow.new(definition, execution_id, input)
    lines: Lines = defaultdict(list)
    for row in rows:
        run = _run(definition, flow, row)
        flow.runs.append(run)
        lines[row.scope, row.branch].append(run)
    _read_line(flow, flow.root, lines)
    for run in sorted((run for run in flow.runs if run.ended_seq), key=lambda run: run.ended_seq or 0):
        flow.nodes[run.node.id] = {"output": run.output, "status": run.status.value, "error": run.error}
    return flow


def follow(flow: Flow, plan: Plan) -> None:
    """Put on the agenda what a line has ended a run for and not come to: the seams of an adoption."""
    lines = [flow.root]
    while lines:
        frame = lines.pop()
        run = frame.run
        if frame.outcome is not None:
            continue
        if run is None:
            previous = frame.scope.run.index if frame.scope else None
            plan.agenda.append((frame, frame.first, previous))
        elif run.scope is not None:
            lines.extend(reversed(run.scope.frames))
        elif run.status.is_terminal and run.next_id:
            plan.agenda.append((frame, run.next_id, run.index))


def _run(definition: Definition, flow: Flow, row: Row) -> Run:
    return Run(
        index=row.index,
        node=definition.nodes[row.node_id],
        frame=flow.root,
        previous=row.previous,
        status=NodeStatus(row.status),
        attempt=row.attempt,
        lost=row.lost,
        started_at=row.started_at,
        attempt_at=row.attempt_at,
        ended_at=row.ended_at,
        available_at=row.available_at,
        wait_reason=row.wait_reason,
        input=row.input,
        output=row.output,
        error=row.error,
        next_id=row.next_node_id,
        attempts=list(row.attempts),
        spans=list(row.spans),
        adopted_from=row.adopted_from,
        ended_seq=row.ended_seq,
        stored=True,
    )


def _read_line(flow: Flow, frame: Frame, lines: Lines) -> None:
    key = (frame.scope.run.index, frame.branch) if frame.scope else (None, None)
    for run in lines.get(key, ()):
        run.frame = frame
        frame.run = run
        if run.node.kind == "parallel":
            _read_scope(flow, run, lines)
        elif run.status is NodeStatus.COMPLETED and run.node.kind == "procedure":
            frame.merge(run.output)
        if run.status is NodeStatus.FAILED and run.next_id:
            frame.error = {**(run.error or {}), "attempt": run.attempt}
            frame.error.setdefault("nodeId", run.node.id)
            frame.error.pop("stack", None)
    frame.outcome = _outcome(frame.run)


def _read_scope(flow: Flow, run: Run, lines: Lines) -> None:
    scope = Scope(run)
    for branch, first in enumerate(run.node.branches):
        frame = Frame(dict(run.frame.vars), first, scope, branch, error=run.frame.error)
        scope.frames.append(frame)
        _read_line(flow, frame, lines)
    if run.status is NodeStatus.COMPLETED:
        for frame in scope.frames:
            if frame.outcome is NodeStatus.COMPLETED:
                run.frame.merge(frame.delta)
    elif run.status is NodeStatus.RUNNING:
        run.scope = scope


def _outcome(last: Run | None) -> NodeStatus | None:
    """How the line ended; None while it is live, which includes a run that has a successor to come to."""
    if last is None or not last.status.is_terminal or last.next_id:
        return None
    return last.status if last.status is not NodeStatus.SKIPPED else NodeStatus.CANCELLED
