"""Where the execution as a whole stands, once everything that follows at once has followed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from executions.flow import undoing
from executions.flow.moves import move
from executions.flow.plan import Plan
from executions.flow.state import Ending, Flow, caught, shown
from executions.flow.values import problem
from executions.moments import elapsed
from executions.states import ExecutionStatus, NodeStatus

NEVER = datetime.max.replace(tzinfo=UTC)
_ENDS = {
    ExecutionStatus.COMPLETED: "complete",
    ExecutionStatus.FAILED: "fail",
    ExecutionStatus.CANCELLED: "end_cancelled",
    ExecutionStatus.TIMED_OUT: "time_out",
}


def conclude(flow: Flow, plan: Plan) -> bool:
    """Ended, paused, waiting, or in flight still. True: something has begun, so there is more to settle."""
    if flow.status.is_terminal or any(run.is_in_flight or run.is_leaving for run in flow.live_runs()):
        return False
    over = flow.started_at is not None and flow.root.outcome is not None
    if flow.ending or (over and flow.status is not ExecutionStatus.PAUSED):
        return _end(flow, plan)
    if flow.held:
        _pause(flow, plan)
    elif flow.status is ExecutionStatus.RUNNING:
        _wait(flow, plan)
    return False


def _end(flow: Flow, plan: Plan) -> bool:
    """Undo what is to be undone, one after the other, then end."""
    ending = flow.ending = flow.ending or _outcome(flow)
    if undoing.is_asked(ending):
        if any(True for _ in flow.live_runs()):
            return False
        if undoing.begin_next(flow, plan):
            return True
    _terminate(flow, plan, ending)
    return False


def _terminate(flow: Flow, plan: Plan, ending: Ending) -> None:
    told: dict[str, Any] = {}
    if ending.error is not None:
        told = {"error": ending.error["message"], "errorInfo": shown(ending.error)}
    elif ending.status is not ExecutionStatus.COMPLETED:
        told = given(reason=ending.reason, by=ending.by)
    left = undoing.failures(flow)
    if left:
        told["notCompensated"] = left
    began = flow.started_at or plan.now
    duration = elapsed(began, plan.now)
    executed = [run.node.id for run in flow.executed()]
    move(flow, plan, _ENDS[ending.status], executionTime=duration, nodesExecuted=executed, **told)


def _outcome(flow: Flow) -> Ending:
    """What its line has come to; a word may have ended that while it was paused."""
    run = flow.root.run
    if flow.root.outcome is NodeStatus.FAILED and run is not None:
        return Ending(ExecutionStatus.FAILED, {**(run.error or {}), "nodeId": caught(run)["nodeId"]})
    return _completion(flow)


def _completion(flow: Flow) -> Ending:
    """Completed, unless the definition's own outputs cannot be made."""
    outputs = flow.definition.outputs
    if outputs is None:
        return Ending(ExecutionStatus.COMPLETED)
    try:
        flow.result = outputs.resolve(flow.scope_of(flow.root))
        message = problem(flow.result)
    except Exception as error:  # as with a node's own expressions
        message = str(error)
    if message is None:
        return Ending(ExecutionStatus.COMPLETED)
    flow.result = None
    error_info = {"name": "ExpressionError", "message": f"outputs: {message}", "nodeId": None}
    return Ending(ExecutionStatus.FAILED, error_info)


def _pause(flow: Flow, plan: Plan) -> None:
    if flow.status is not ExecutionStatus.PAUSED:
        move(flow, plan, "pause", wait_reason="paused", timestamp=plan.ms, **given(by=flow.held_by))


def _wait(flow: Flow, plan: Plan) -> None:
    """What was lost as its executor stopped is to start again at once elsewhere: that is no waiting."""
    leaves = [run for run in flow.live_runs() if run.scope is None]
    if leaves and all(run.status in (NodeStatus.WAITING, NodeStatus.RETRYING) for run in leaves):
        first = min(leaves, key=lambda run: (run.available_at or NEVER, run.index))
        reason = f"{first.node.id}: {first.wait_reason}"
        move(flow, plan, "park", wait_reason=reason, timestamp=plan.ms, reason=reason)


def given(**data: str) -> dict[str, str]:
    """What there is to say."""
    return {name: value for name, value in data.items() if value}
