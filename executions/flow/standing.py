"""Where the execution as a whole stands, once everything that follows at once has followed."""

from __future__ import annotations

from typing import Any

from executions.flow.moves import move
from executions.flow.plan import Plan
from executions.flow.state import Ending, Flow, shown
from executions.flow.values import problem
from executions.moments import elapsed
from executions.states import ExecutionStatus, NodeStatus

_ENDS = {
    ExecutionStatus.COMPLETED: "complete",
    ExecutionStatus.FAILED: "fail",
    ExecutionStatus.CANCELLED: "end_cancelled",
    ExecutionStatus.TIMED_OUT: "time_out",
}


def conclude(flow: Flow, plan: Plan) -> None:
    """Ended, paused, waiting, or in flight still."""
    if flow.status.is_terminal or any(run.is_in_flight for run in flow.live_runs()):
        return
    over = flow.started_at is not None and flow.root.outcome is not None
    if flow.ending or over:
        _terminate(flow, plan)
    elif flow.held:
        _pause(flow, plan)
    elif flow.status is ExecutionStatus.RUNNING:
        _wait(flow, plan)


def _terminate(flow: Flow, plan: Plan) -> None:
    ending = flow.ending = flow.ending or _completion(flow)
    told: dict[str, Any] = {}
    if ending.error is not None:
        told = {"error": ending.error["message"], "errorInfo": shown(ending.error)}
    elif ending.status is not ExecutionStatus.COMPLETED:
        told = given(reason=ending.reason, by=ending.by)
    began = flow.started_at or plan.now
    duration = elapsed(began, plan.now)
    executed = [run.node.id for run in flow.executed()]
    move(flow, plan, _ENDS[ending.status], executionTime=duration, nodesExecuted=executed, **told)


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
    """Only for timers: what was lost as its executor stopped is to start again at once, elsewhere."""
    live = list(flow.live_runs())
    parked = [(run.available_at, run.index) for run in live if run.available_at is not None]
    if parked and not any(run.status is NodeStatus.PENDING for run in live):
        first = flow.runs[min(parked)[1]]
        reason = f"{first.node.id}: {first.wait_reason}"
        move(flow, plan, "park", wait_reason=reason, timestamp=plan.ms, reason=reason)


def given(**data: str) -> dict[str, str]:
    """What there is to say."""
    return {name: value for name, value in data.items() if value}
