"""Words for an execution that goes on: put into its inbox, for the holder of its lease to act on."""

from __future__ import annotations

from typing import Any

import orjson
from django.db import transaction
from django.db.models import Case, F, Value, When
from django.db.models.functions import Now

from executions import notifications, payloads
from executions.conf import conf
from executions.errors import InvalidInput, NotAllowed
from executions.models import Command, Event, Execution, NodeRun, Slot, StatusCount
from executions.operations.rows import locked
from executions.operations.transactions import USING, refuse_foreign
from executions.states import ExecutionStatus
from procedures.storable import some, unstorable

ALLOWED: dict[ExecutionStatus, tuple[str, ...]] = {
    ExecutionStatus.QUEUED: ("cancel", "terminate", "pause", "signal", "rerun"),
    ExecutionStatus.RUNNING: ("cancel", "terminate", "pause", "signal", "decide", "rerun"),
    ExecutionStatus.WAITING: ("cancel", "terminate", "pause", "signal", "decide", "rerun"),
    ExecutionStatus.PAUSED: ("cancel", "terminate", "resume", "signal", "decide", "rerun"),
    ExecutionStatus.CANCELLING: ("cancel", "terminate", "rerun"),
    ExecutionStatus.COMPLETED: ("rerun", "delete"),
    ExecutionStatus.FAILED: ("retry", "rerun", "delete"),
    ExecutionStatus.CANCELLED: ("retry", "rerun", "delete"),
    ExecutionStatus.TIMED_OUT: ("retry", "rerun", "delete"),
}
NAME_LENGTH = 200


def allowed_actions(execution: Execution) -> list[str]:
    """The verbs that its status allows."""
    actions = list(ALLOWED[ExecutionStatus(execution.status)])
    if execution.pause_requested and "pause" in actions:
        actions[actions.index("pause")] = "resume"
    return actions


def cancel(execution_id: str, *, reason: str = "", force: bool = False, actor: str = "") -> Execution:
    """Ask it to stop, and to undo what is to be undone. ``force``: as ``terminate``."""
    return put(execution_id, Command.Kind.CANCEL, actor, {"reason": reason, "force": force})


def terminate(execution_id: str, *, reason: str = "", actor: str = "") -> Execution:
    """End it now: attempts in flight get no grace, and nothing is undone."""
    return put(execution_id, Command.Kind.CANCEL, actor, {"reason": reason, "force": True}, "terminate")


def pause(execution_id: str, *, actor: str = "") -> Execution:
    """Let attempts in flight finish and start nothing new."""
    return put(execution_id, Command.Kind.PAUSE, actor)


def resume(execution_id: str, *, actor: str = "") -> Execution:
    return put(execution_id, Command.Kind.RESUME, actor)


def signal(execution_id: str, name: str, payload: Any = None, *, actor: str = "") -> Execution:
    """Tell it something: the node that waits longest for ``name`` takes it, or the first that comes to."""
    check_name(name, "/name")
    check_payload(payload)
    return put(execution_id, Command.Kind.SIGNAL, actor, {"name": name, "payload": payload})


def delete(execution_id: str) -> None:
    """Forget a terminal execution: its row, its node runs and its log."""
    refuse_foreign("delete")
    with transaction.atomic(using=USING):
        execution = locked(execution_id)
        require(execution, "delete")
        for model in (Event, NodeRun, Command, Slot):
            model._default_manager.filter(execution=execution).delete()
        payloads.forget(execution_id, USING)
        StatusCount.objects.create(status=execution.status, delta=-1)
        execution.delete()
        transaction.on_commit(lambda: notifications.changed([execution_id]), using=USING)


def put(
    execution_id: str, kind: Command.Kind, actor: str, payload: dict[str, Any] | None = None, verb: str = ""
) -> Execution:
    """Put a word into the inbox: the row's lock orders it against the holder's giving its lease back."""
    name = verb or kind.value
    refuse_foreign(name)
    with transaction.atomic(using=USING):
        execution = locked(execution_id)
        require(execution, name)
        put_locked(execution, kind, actor, payload)
    return execution


def put_locked(
    execution: Execution, kind: Command.Kind, actor: str, payload: dict[str, Any] | None = None
) -> None:
    """For who has checked, and holds the row."""
    Command.objects.create(execution=execution, kind=kind, payload=payload or {}, actor=actor[:150])
    free = When(leased_by=None, then=Now())
    Execution.objects.filter(pk=execution.pk).update(
        inbox=F("inbox") + Value(1), available_at=Case(free, default=F("available_at"))
    )
    transaction.on_commit(lambda: notifications.wake([execution.pk]), using=USING)


def require(execution: Execution, verb: str) -> None:
    allowed = allowed_actions(execution)
    if verb not in allowed:
        raise NotAllowed(verb, execution.status, allowed)


def check_name(name: Any, pointer: str) -> None:
    """Of a signal or an event."""
    if not (isinstance(name, str) and 1 <= len(name) <= NAME_LENGTH) or some(unstorable(name)):
        detail = f"name must be a text of 1 to {NAME_LENGTH} characters"
        raise InvalidInput([{"detail": detail, "pointer": pointer}])


def check_payload(payload: Any) -> None:
    """What comes along with a word: JSON that can be stored, and not larger than an input."""
    problems = [{**found, "pointer": f"/payload{found['pointer']}"} for found in some(unstorable(payload))]
    if not problems:
        try:
            size = len(orjson.dumps(payload))
        except (TypeError, ValueError) as error:
            problems = [{"detail": f"payload is not JSON: {error}", "pointer": "/payload"}]
        else:
            if size > conf.MAX_INPUT_BYTES:
                detail = f"payload is {size} bytes; at most {conf.MAX_INPUT_BYTES}"
                problems = [{"detail": detail, "pointer": "/payload"}]
    if problems:
        raise InvalidInput(problems)
