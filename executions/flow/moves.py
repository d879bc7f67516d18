"""The tables of ``states``, applied: nothing else in the flow changes a status."""

from __future__ import annotations

from typing import Any

from executions.flow.plan import Plan
from executions.flow.state import Flow, Run
from executions.states import EXECUTION_MOVES, GATE_MOVES, NODE_MOVES, ExecutionStatus, Move, NodeStatus


class IllegalMove(Exception):
    """A mistake in the rules: the table does not know this move."""


def move(flow: Flow, plan: Plan, name: str, wait_reason: str = "", **data: Any) -> None:
    """Move the execution, and tell of it."""
    made = _legal(EXECUTION_MOVES.get(name) or GATE_MOVES[name], name, flow.status)
    flow.status, flow.wait_reason = ExecutionStatus(made.target), wait_reason
    plan.tell(made.event, **data)


def move_run(plan: Plan, run: Run, name: str, **data: Any) -> None:
    """Move the run, and tell of it."""
    made = _legal(NODE_MOVES[name], name, run.status)
    run.status = NodeStatus(made.target)
    data["timestamp"] = plan.ms
    plan.tell(made.event, run, **data)


def _legal(made: Move, name: str, status: ExecutionStatus | NodeStatus) -> Move:
    if status not in made.sources:
        raise IllegalMove(f"{name} from {status}")
    return made
