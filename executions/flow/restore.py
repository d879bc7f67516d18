"""A flow from its rows: what a take-over, a resume and a retry go on from.

A line of control is strictly sequential, so each is read on its own, in the order of its runs; scopes from
the inside out, as an inner one's runs all have higher numbers. What is in no row follows from the rows: what
a branch has added to the variables, whether a join is decided, and who has been told to stop.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Protocol

from executions.flow import joins
from executions.flow.plan import Plan
from executions.flow.scopes import DECIDED
from executions.flow.state import Ending, Flow, Frame, Run, Scope, caught, know
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
Scopes = dict[int, Scope]


def restore(
    definition: Definition,
    execution_id: str,
    input: dict[str, Any],
    rows: Iterable[Row],
    ending: Ending | None = None,
) -> Flow:
    """The flow as it stood after its last committed transition. ``rows`` are by index.

    ``ending``: how it had been told to end. What the execution's own row says (status, seq, times) is for the
    caller to add.
    """
    flow = Flow.new(definition, execution_id, input)
    flow.ending = ending
    lines = _lines(flow, rows)
    found: Scopes = {}
    for run in reversed(flow.runs):
        if run.node.branches:
            found[run.index] = _scope(run, lines, found)
    _read(flow.root, lines[None, None], found)
    for index in sorted(found):
        _reopen(flow.runs[index], found[index], is_ending=ending is not None)
    if ending is not None:
        _tell_to_stop([flow.root], ending.why)
    for run in sorted((run for run in flow.runs if run.ended_seq), key=lambda run: run.ended_seq or 0):
        know(flow, run)
    return flow


def follow(flow: Flow, plan: Plan) -> None:
    """Put on the agenda what lines are to come to and have not: the seams of an adoption or a crash."""
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


def open_scopes(flow: Flow) -> Iterator[Scope]:
    """Inner ones first."""
    return (run.scope for run in reversed(flow.runs) if run.scope is not None)


def _lines(flow: Flow, rows: Iterable[Row]) -> Lines:
    lines: Lines = defaultdict(list)
    for row in rows:
        run = _run(flow, row)
        flow.runs.append(run)
        lines[row.scope, row.branch].append(run)
        if run.status is NodeStatus.CANCELLED and run.started_at is None and run.adopted_from is None:
            flow.unstarted.append(run.index)
    return lines


def _run(flow: Flow, row: Row) -> Run:
    return Run(
        index=row.index,
        node=flow.definition.nodes[row.node_id],
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


def _scope(run: Run, lines: Lines, inner: Scopes) -> Scope:
    """The scope that the run opened; its branches' variables hold what they themselves have added."""
    scope = Scope(run)
    for branch, first in enumerate(run.node.branches):
        frame = Frame({}, first, scope, branch)
        scope.frames.append(frame)
        _read(frame, lines.get((run.index, branch), []), inner)
    failed = [frame.run for frame in scope.frames if frame.outcome is NodeStatus.FAILED and frame.run]
    if failed:
        first_failed = min(failed, key=lambda run: run.ended_seq or 0)
        scope.error = {**(first_failed.error or {}), "nodeId": caught(first_failed)["nodeId"]}
    return scope


def _read(frame: Frame, line: list[Run], inner: Scopes) -> None:
    for run in line:
        run.frame, frame.run = frame, run
        if run.status is NodeStatus.FAILED and run.next_id:
            frame.error = caught(run)
        if run.status is NodeStatus.COMPLETED and run.node.kind == "procedure":
            frame.merge(run.output)
        elif run.status is NodeStatus.COMPLETED and run.index in inner:
            for branch in inner[run.index].frames:
                if branch.outcome is NodeStatus.COMPLETED:
                    frame.merge(branch.delta)
    outcome = _outcome(frame.run)
    if outcome is not None:
        frame.end(outcome)


def _outcome(last: Run | None) -> NodeStatus | None:
    """How the line ended; None while it is live, which includes a run that has a successor to come to."""
    if last is None or not last.status.is_terminal or last.leads_to(last.next_id):
        return None
    if last.status is NodeStatus.FAILED and last.next_id:
        return NodeStatus.COMPLETED
    return last.status if last.status is not NodeStatus.SKIPPED else NodeStatus.CANCELLED


def _reopen(run: Run, scope: Scope, *, is_ending: bool) -> None:
    """A scope whose branches run: give them what they had in reach, and stop them if the join is decided."""
    if run.status is not NodeStatus.RUNNING:
        return
    run.scope = scope
    for frame in scope.frames:
        frame.vars = {**run.frame.vars, **frame.delta}
        frame.error = frame.error or run.frame.error
    if run.stopping:
        _tell_to_stop(scope.live(), run.stopping)
    elif not is_ending:
        scope.verdict = joins.verdict(scope)
        if scope.verdict is not None:
            _tell_to_stop(scope.live(), DECIDED)


def _tell_to_stop(frames: Iterable[Frame], reason: str) -> None:
    pending = list(frames)
    while pending:
        frame = pending.pop()
        run = frame.run
        if frame.outcome is not None:
            continue
        if run is None or run.status.is_terminal:
            frame.end(NodeStatus.CANCELLED)
            continue
        run.stopping = run.stopping or reason
        if run.scope is not None:
            pending.extend(run.scope.live())
