"""A claimed row as the flow that it was, and a new request as the flow that it becomes."""

from __future__ import annotations

from typing import Any

from executions import intake
from executions.executor.claiming.claims import Claimed
from executions.executor.claiming.opening import keep_as_stored, opened_rows
from executions.executor.driving.driver import Driver
from executions.flow.restore import restore
from executions.flow.state import Ending, Flow
from executions.intake import Start
from executions.states import ExecutionStatus
from executions.transitions import Lease, Transition
from workflows.definition import Definition


def restored(definition: Definition, row: Claimed, runs: list[Any], unread: int) -> tuple[Flow, Lease]:
    """The flow after its last committed transition.

    ``unread``: the commands that wait, counted after the row was read, so that none is taken for obeyed.
    """
    rows = opened_rows(row, runs)
    flow = restore(definition, row.id, rows.input, rows.runs, _ending(row.ending))
    flow.secrets, flow.damage = rows.secrets, rows.damage
    keep_as_stored(flow, runs)
    flow.status = ExecutionStatus(row.status)
    flow.seq = row.last_seq
    flow.started_at = row.started_at
    flow.wait_reason = row.wait_reason
    flow.held = row.pause_requested
    flow.gated = row.lane is not None and row.admitted_at is None
    return flow, Lease(row.lease_token, row.deadline_at, row.inbox - unread, row.parent_id, row.parent_run)


def _ending(stored: dict[str, Any] | None) -> Ending | None:
    return None if stored is None else Ending(**{**stored, "status": ExecutionStatus(stored["status"])})


def admitted(host: Any, start: Start) -> tuple[Driver, Transition]:
    """A new execution under this executor's lease, not stored yet."""
    now = host.clock.now()
    flow = Flow.new(start.definition, start.execution_id, start.input)
    flow.secrets = start.secrets or flow.secrets
    deadline = now + start.timeout if start.timeout else None
    transition = intake.queued(start, now)
    assert transition.created is not None
    transition.token = 1
    transition.created |= {"leased": host.id, "token": 1}
    return Driver(
        host, flow, Lease(1, deadline, 0, start.parent, start.parent_run), start.trace_id
    ), transition
