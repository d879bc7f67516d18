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

from executions.flow import runs, scopes, undoing
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
    awaits: str
    details: Any
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


NEVER_RAN = (NodeStatus.CANCELLED, NodeStatus.SKIPPED)
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
    branches = _branches(lines)
    found: Scopes = {}
    for run in reversed(flow.runs):
        if run.node.branches and (run.status is NodeStatus.RUNNING or branches[run.index]):
            found[run.index] = _scope(run, lines, branches[run.index], found)
    _read(flow.root, lines[None, None], found)
    for index in sorted(found):
        _reopen(flow, flow.runs[index], found[index])
    _read_undoing(flow, lines[None, undoing.LINE])
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
            plan.agenda.append((frame, frame.first, None))
        elif run.scope is not None:
            lines.extend(reversed(run.scope.live.values()))
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
        if run.status in NEVER_RAN and run.started_at is None and run.adopted_from is None:
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
        awaits=row.awaits,
        details=row.details,
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


def _branches(lines: Lines) -> dict[int | None, list[int]]:
    """The branches of each scope that have runs, in the order in which they were opened."""
    found: dict[int | None, list[int]] = defaultdict(list)
    for (scope, branch), line in sorted(lines.items(), key=lambda item: item[1][0].index):
        if scope is not None and branch is not None and line:
            found[scope].append(branch)
    return found


def _scope(run: Run, lines: Lines, branches: list[int], inner: Scopes) -> Scope:
    """The scope that the run opened; its branches' variables hold what they themselves have added."""
    scope = scopes.restored(run)
    for branch in branches:
        frame = Frame({}, "", scope, branch)
        scope.frames[branch] = scope.live[branch] = frame
        _read(frame, lines[run.index, branch], inner)
    failed = [
        frame.run for frame in scope.frames.values() if frame.outcome is NodeStatus.FAILED and frame.run
    ]
    if failed:
        first_failed = min(failed, key=lambda run: run.ended_seq or 0)
        scope.error = {**(first_failed.error or {}), "nodeId": caught(first_failed)["nodeId"]}
    return scope


def _read(frame: Frame, line: list[Run], inner: Scopes) -> None:
    for run in line:
        run.frame, frame.run = frame, run
        if run.status is NodeStatus.FAILED and run.next_id:
            frame.error = caught(run)
        if run.status is not NodeStatus.COMPLETED:
            continue
        frame.merge(runs.added(run))
        if run.index in inner and inner[run.index].merges:
            for branch in inner[run.index].completed():
                frame.merge(branch.delta)
    outcome = _outcome(frame.run)
    if outcome is not None:
        frame.end(outcome)


def _read_undoing(flow: Flow, line: list[Run]) -> None:
    """Each of these runs is a line of its own."""
    for run in line:
        undone = flow.runs[run.previous or 0]
        frame = undoing.line(flow, undone)
        run.frame, frame.run = frame, run
        if run.status is NodeStatus.COMPLETED:
            frame.merge(runs.added(run))
        outcome = _outcome(run)
        if outcome is not None:
            frame.end(outcome)
        flow.undoing.append(frame)


def _outcome(last: Run | None) -> NodeStatus | None:
    """How the line ended; None while it is live, which includes a run that has a successor to come to."""
    if last is None or not last.status.is_terminal or last.leads_to(last.next_id):
        return None
    if last.status is NodeStatus.FAILED and last.next_id:
        return NodeStatus.COMPLETED
    return last.status


def _reopen(flow: Flow, run: Run, scope: Scope) -> None:
    """A scope whose branches run: give them what they had in reach, and stop them if the join is decided."""
    if run.status is not NodeStatus.RUNNING:
        return
    run.scope = scope
    for frame in scope.frames.values():
        scopes.stand_on(frame)
    if run.stopping:
        _tell_to_stop(scope.live.values(), run.stopping)
    elif flow.ending is None and scope.live:
        scope.verdict = scopes.rules(scope).verdict(flow, scope)
        if scope.verdict is not None:
            _tell_to_stop(scope.live.values(), DECIDED)


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
            pending.extend(run.scope.live.values())
