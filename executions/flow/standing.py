"""Where the execution as a whole stands, once everything that follows at once has followed."""

from __future__ import annotations

from typing import Any

from executions.flow.moves import move
from executions.flow.plan import Plan
from executions.flow.state import Ending, Flow, Run, shown
from executions.flow.values import problem
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
    duration = max(0, round((plan.now - began).total_seconds() * 1000))
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
    first = min(flow.live_runs(), key=_due, default=None)
    if first is not None and first.status in (NodeStatus.WAITING, NodeStatus.RETRYING):
        reason = f"{first.node.id}: {first.wait_reason}"
        move(flow, plan, "park", wait_reason=reason, timestamp=plan.ms, reason=reason)


def _due(run: Run) -> tuple[bool, float, int]:
    at = run.available_at
    return at is None, at.timestamp() if at else 0.0, run.index


def given(**data: str) -> dict[str, str]:
    """What there is to say."""
    return {name: value for name, value in data.items() if value}
