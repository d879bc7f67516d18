"""The verbs. Every door (API, page, admin, command line, user code) goes through here.

They run inside the caller's transaction where there is one: what is started or asked for in an ``atomic()``
that rolls back has never been.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from asgiref.sync import sync_to_async
from django.db import transaction
from django.db.models import Case, F, Value, When
from django.db.models.functions import Now

from executions import intake, journal, notifications
from executions.adoption import adopted
from executions.errors import ExecutionExists, ExecutionNotFound, KeyConflict, NotAllowed
from executions.executor import running
from executions.intake import Start
from executions.models import Command, Event, Execution, NodeRun, StatusCount
from executions.states import ExecutionStatus

USING = "default"

ALLOWED: dict[ExecutionStatus, tuple[str, ...]] = {
    ExecutionStatus.QUEUED: ("cancel", "pause", "rerun"),
    ExecutionStatus.RUNNING: ("cancel", "pause", "rerun"),
    ExecutionStatus.WAITING: ("cancel", "pause", "rerun"),
    ExecutionStatus.PAUSED: ("cancel", "resume", "rerun"),
    ExecutionStatus.CANCELLING: ("cancel", "rerun"),
    ExecutionStatus.COMPLETED: ("rerun", "delete"),
    ExecutionStatus.FAILED: ("retry", "rerun", "delete"),
    ExecutionStatus.CANCELLED: ("retry", "rerun", "delete"),
    ExecutionStatus.TIMED_OUT: ("retry", "rerun", "delete"),
}


def allowed_actions(execution: Execution) -> list[str]:
    """The verbs that its status allows."""
    actions = list(ALLOWED[ExecutionStatus(execution.status)])
    if execution.pause_requested and "pause" in actions:
        actions[actions.index("pause")] = "resume"
    return actions


def start(workflow: str | None = None, **options: Any) -> Execution:
    """Store a new execution; an executor claims it once the caller's transaction is committed.

    Options as in ``intake.prepare``: ``definition`` (inline, instead of ``workflow``), ``input``,
    ``execution_id``, ``key``, ``on_conflict`` ("fail", "useExisting"), ``tags``, ``priority`` (0-9),
    ``timeout`` (seconds), ``trigger``, ``version``, ``traceparent``.
    Raises ``InvalidInput``, ``ExecutionExists``, ``KeyConflict``, ``WorkflowNotFound``,
    ``InvalidDefinition``.
    """
    return _store(intake.prepare(workflow, **options), partial(intake.prepare, workflow, **options))


async def astart(workflow: str | None = None, **options: Any) -> Execution:
    """``start`` from async code, in a transaction of its own.

    Where this process has an executor with room, the execution begins with the very commit that stores it;
    the answer is then the row as it was stored, not read again.
    """
    executor = running()
    if executor is None or not executor.has_room:
        return await sync_to_async(start)(workflow, **options)
    prepare = partial(intake.prepare, workflow, **options)
    known = workflow is not None and "version" not in options and intake.is_known(workflow)
    begun = prepare() if known else await sync_to_async(prepare)()
    if await asyncio.wrap_future(executor.admission(begun)):
        return _as_stored(begun)
    return await sync_to_async(_start_plainly)(begun, prepare)


def cancel(execution_id: str, *, reason: str = "", force: bool = False, actor: str = "") -> Execution:
    """Ask it to stop. ``force`` leaves no grace to attempts in flight."""
    return _command(execution_id, Command.Kind.CANCEL, actor, {"reason": reason, "force": force})


def pause(execution_id: str, *, actor: str = "") -> Execution:
    """Let attempts in flight finish and start nothing new."""
    return _command(execution_id, Command.Kind.PAUSE, actor)


def resume(execution_id: str, *, actor: str = "") -> Execution:
    return _command(execution_id, Command.Kind.RESUME, actor)


def retry(execution_id: str, *, actor: str = "") -> Execution:
    """A new execution of the same version that adopts the results of completed nodes and runs the rest."""
    source = _ended(execution_id, "retry")
    begun = _again(source, source.input, "original")
    runs = adopted(begun.execution_id, source.node_runs.order_by("index"), source.id)
    return _store(replace(begun, retry_of=source.id, runs=tuple(runs)))


def rerun(
    execution_id: str,
    *,
    input: dict[str, Any] | None = None,
    version: str | int = "original",
    actor: str = "",
) -> Execution:
    """A new execution from the start: the same input or another, of the ``original`` version, the ``latest``,
    or a number."""
    source = _get(execution_id)

    def begun() -> Start:
        again = _again(source, source.input if input is None else input, version)
        return replace(again, rerun_of=source.id)

    return _store(begun(), begun)


@transaction.atomic(using=USING)
def delete(execution_id: str) -> None:
    """Forget a terminal execution: its row, its node runs and its log."""
    execution = _locked(execution_id)
    _require(execution, "delete")
    for model in (Event, NodeRun, Command):
        model._default_manager.filter(execution=execution).delete()
    StatusCount.objects.create(status=execution.status, delta=-1)
    execution.delete()
    transaction.on_commit(lambda: notifications.changed([execution_id]), using=USING)


# Storing


def _store(begun: Start, again: Callable[[], Start] | None = None) -> Execution:
    written = journal.apply([intake.queued(begun, intake.utcnow())], USING)
    if begun.execution_id not in written:
        existing = _conflict(begun)
        if existing is not None:
            return existing
        if again is None:
            raise KeyConflict(begun.key or "", begun.execution_id)
        # The workflow has a newer version than the one known here: read again.
        intake.forget(begun.definition.id)
        return _store(again(), again)
    transaction.on_commit(lambda: _announce(begun.execution_id), using=USING)
    return Execution.objects.using(USING).get(pk=begun.execution_id)


def _conflict(begun: Start) -> Execution | None:
    """Why it was not stored: the id or the key is taken. None: neither is."""
    if Execution.objects.using(USING).filter(pk=begun.execution_id).exists():
        raise ExecutionExists(begun.execution_id)
    if begun.key is None:
        return None
    holder = (
        Execution.objects.using(USING).active().filter(workflow_id=begun.definition.id, key=begun.key).first()
    )
    if holder is not None and begun.on_conflict != "useExisting":
        raise KeyConflict(begun.key, holder.id)
    return holder


def _announce(execution_id: str) -> None:
    notifications.wake([execution_id])
    notifications.changed([execution_id])


def _start_plainly(begun: Start, again: Callable[[], Start]) -> Execution:
    """After an admission that was refused, or whose answer got lost: the span tells whose a row is."""
    own = Execution.objects.using(USING).filter(pk=begun.execution_id, span_id=begun.span_id).first()
    return own or _store(begun, again)


def _as_stored(begun: Start) -> Execution:
    now = intake.utcnow()
    execution = Execution(
        id=begun.execution_id,
        version=begun.version,
        workflow_id=begun.definition.id,
        workflow_name=begun.definition.name,
        status=ExecutionStatus.RUNNING,
        input=begun.input,
        trigger=begun.trigger,
        key=begun.key,
        tags=list(begun.tags),
        priority=begun.priority,
        queued_at=now,
        started_at=now,
        trace_id=begun.trace_id,
        span_id=begun.span_id,
        parent_span_id=begun.parent_span_id,
    )
    execution._state.adding = False
    return execution


def _again(source: Execution, input: dict[str, Any], version: str | int) -> Start:
    stored = source.version
    options: dict[str, Any] = {"input": input, "tags": source.tags, "priority": source.priority}
    if stored.workflow_id is None:
        begun = intake.prepare(definition=stored.definition, **options)
    elif version == "latest":
        begun = intake.prepare(source.workflow_id, **options)
    else:
        number = stored.number if version == "original" else int(version)
        begun = intake.prepare(source.workflow_id, version=number, **options)
    return replace(begun, trigger=source.trigger)


# Commands


@transaction.atomic(using=USING)
def _command(
    execution_id: str, kind: Command.Kind, actor: str, payload: dict[str, Any] | None = None
) -> Execution:
    """Put a word into the inbox: the row's lock orders it against the holder's giving its lease back."""
    execution = _locked(execution_id)
    _require(execution, kind.value)
    Command.objects.create(execution=execution, kind=kind, payload=payload or {}, actor=actor)
    free = When(leased_by=None, then=Now())
    Execution.objects.filter(pk=execution_id).update(
        inbox=F("inbox") + Value(1), available_at=Case(free, default=F("available_at"))
    )
    transaction.on_commit(lambda: notifications.wake([execution_id]), using=USING)
    return execution


def _ended(execution_id: str, verb: str) -> Execution:
    execution = _get(execution_id)
    _require(execution, verb)
    return execution


def _require(execution: Execution, verb: str) -> None:
    allowed = allowed_actions(execution)
    if verb not in allowed:
        raise NotAllowed(verb, execution.status, allowed)


def _get(execution_id: str) -> Execution:
    found = Execution.objects.using(USING).select_related("version").filter(pk=execution_id).first()
    if found is None:
        raise ExecutionNotFound(execution_id)
    return found


def _locked(execution_id: str) -> Execution:
    found = Execution.objects.using(USING).select_for_update(of=("self",)).filter(pk=execution_id).first()
    if found is None:
        raise ExecutionNotFound(execution_id)
    return found
