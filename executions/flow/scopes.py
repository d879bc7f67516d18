"""What happens to a scope: its branches are weighed, joined, or told to stop."""

from __future__ import annotations

from collections.abc import Iterable

from executions.flow import joins, runs
from executions.flow.kinds import Done
from executions.flow.plan import Plan
from executions.flow.state import Flow, Frame, Scope
from executions.states import NodeStatus

DECIDED = "another branch decided the join"


def weigh(flow: Flow, plan: Plan) -> None:
    """Decide what the branches that have ended decide; a scope's end may decide the one around it."""
    while plan.undecided:
        _weigh(flow, plan, plan.undecided.popleft())


def stop(flow: Flow, plan: Plan, frames: Iterable[Frame], reason: str) -> None:
    """What waits, or has not been launched, is cancelled at once; what is in flight is told to stop."""
    pending = list(frames)[::-1]
    while pending:
        frame = pending.pop()
        run = frame.run
        if frame.outcome is not None:
            continue
        if run is None or run.status.is_terminal:
            runs.end_line(flow, plan, frame, NodeStatus.CANCELLED)
            continue
        run.stopping = run.stopping or reason
        if run.scope is not None:
            pending.extend(run.scope.live()[::-1])
            plan.undecided.append(run.scope)
        elif run.is_in_flight and run not in plan.launch:
            plan.stop.append(run)
        else:
            runs.cancel(flow, plan, run, reason)


def is_decided(frame: Frame) -> bool:
    """Whether a join has been decided without this line."""
    while frame.scope is not None:
        if frame.scope.verdict is not None:
            return True
        frame = frame.scope.run.frame
    return False


def _weigh(flow: Flow, plan: Plan, scope: Scope) -> None:
    run = scope.run
    if run.status.is_terminal:
        return
    if scope.verdict is None and not run.stopping:
        scope.verdict = joins.verdict(scope)
        if scope.verdict is not None:
            stop(flow, plan, scope.live(), DECIDED)
    if scope.is_live:
        return
    if run.stopping:
        runs.cancel(flow, plan, run, run.stopping)
    elif scope.verdict is NodeStatus.COMPLETED:
        _join(flow, plan, scope)
    else:
        missing = {"name": "JoinFailed", "message": "too few branches completed", "nodeId": run.node.id}
        runs.fail(flow, plan, run, scope.error or missing)


def _join(flow: Flow, plan: Plan, scope: Scope) -> None:
    """The branches' results, in the order in which the definition names them."""
    for frame in scope.frames:
        if frame.outcome is NodeStatus.COMPLETED:
            scope.run.frame.merge(frame.delta)
    runs.complete(flow, plan, scope.run, Done(None, scope.run.node.next))
