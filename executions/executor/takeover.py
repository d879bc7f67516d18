"""A claimed row as the flow that it was, and a new request as the flow that it becomes."""

from __future__ import annotations

from typing import Any

from executions import intake
from executions.executor.claims import Claimed
from executions.executor.driver import Driver
from executions.flow.restore import restore
from executions.flow.state import Ending, Flow
from executions.intake import Start
from executions.states import ExecutionStatus
from executions.transitions import Lease, Transition
from workflows.definition import Definition


def restored(
    definition: Definition,
    row: Claimed,
    runs: list[Any],
    cancelled: tuple[dict[str, Any], str] | None,
    unread: int,
) -> tuple[Flow, Lease]:
    """The flow after its last committed transition. ``cancelled``: the command that a cancelling one obeys.

    ``unread``: the commands that wait, counted after the row was read, so that none is taken for obeyed.
    """
    ending = None
    if cancelled is not None:
        payload, actor = cancelled
        ending = Ending(ExecutionStatus.CANCELLED, reason=payload.get("reason") or "", by=actor)
    flow = restore(definition, row.id, row.input, runs, ending)
    flow.status = ExecutionStatus(row.status)
    flow.seq = row.last_seq
    flow.started_at = row.started_at
    flow.wait_reason = row.wait_reason
    flow.held = row.pause_requested
    return flow, Lease(row.lease_token, row.deadline_at, row.inbox - unread)


def admitted(host: Any, start: Start) -> tuple[Driver, Transition]:
    """A new execution under this executor's lease, not stored yet."""
    now = host.clock.now()
    flow = Flow.new(start.definition, start.execution_id, start.input)
    deadline = now + start.timeout if start.timeout else None
    transition = intake.queued(start, now)
    assert transition.created is not None
    transition.token = 1
    transition.created |= {"leased": host.id, "token": 1}
    return Driver(host, flow, Lease(1, deadline), start.trace_id), transition
