"""Storing new executions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any

from asgiref.sync import sync_to_async
from django.db import transaction

from executions import intake, journal, notifications, payloads
from executions.errors import ExecutionExists, InvalidInput, KeyConflict
from executions.executor import running
from executions.executor.claiming import admission
from executions.intake import Start
from executions.models import Execution
from executions.operations.transactions import USING, refuse_foreign
from executions.states import ExecutionStatus


def start(workflow: str | None = None, **options: Any) -> Execution:
    """Store a new execution; an executor claims it once the caller's transaction is committed.

    Options as in ``intake.prepare``: ``definition`` (inline, instead of ``workflow``), ``input``,
    ``execution_id``, ``key``, ``on_conflict`` ("fail", "useExisting"), ``tags``, ``priority`` (0-9),
    ``timeout`` (seconds), ``trigger``, ``version``, ``traceparent``, ``queue``.
    Raises ``InvalidInput``, ``ExecutionExists``, ``KeyConflict``, ``WorkflowNotFound``,
    ``InvalidDefinition``, ``ForeignTransaction``.
    """
    refuse_foreign("start")
    prepare = partial(intake.prepare, workflow, **options)
    return store(_prepared(workflow, prepare), prepare)


async def astart(workflow: str | None = None, **options: Any) -> Execution:
    """``start`` from async code, in a transaction of its own.

    Where this process has an executor with room, the execution begins with the very commit that stores it;
    the answer is then the row as it was stored, not read again.
    """
    executor = running()
    if executor is None or not executor.has_room:
        return await sync_to_async(start)(workflow, **options)
    prepare = partial(intake.prepare, workflow, **options)
    known = "version" not in options and intake.is_known(workflow)
    try:
        begun = prepare() if known else await sync_to_async(prepare)()
    except InvalidInput:
        begun = await sync_to_async(_prepared)(workflow, prepare)
    if not executor.takes(begun) or payloads.is_large(begun.encoded_input):
        return await sync_to_async(store)(begun, prepare)
    if await asyncio.wrap_future(executor.admission(begun)):
        return _as_stored(begun)
    return await sync_to_async(_start_plainly)(begun, prepare)


def store(begun: Start, again: Callable[[], Start] | None = None) -> Execution:
    """``again`` prepares the same anew, where the workflow has got another version meanwhile."""
    begun = intake.offloaded(begun)
    if not _is_written(begun):
        existing = _conflict(begun)
        if existing is not None:
            return existing
        if again is None:
            raise KeyConflict(begun.key or "", begun.execution_id)
        # The workflow has a newer version than the one known here: read again.
        intake.forget(begun.definition.id)
        return store(again(), again)
    transaction.on_commit(partial(_announce, begun), using=USING)
    return Execution.objects.using(USING).get(pk=begun.execution_id)


def _prepared(workflow: str | None, prepare: Callable[[], Start]) -> Start:
    """A version that is not the newest any more must not judge the input."""
    was_known = intake.is_known(workflow)
    try:
        return prepare()
    except InvalidInput:
        if workflow is None or not was_known:
            raise
        intake.forget(workflow)
        return prepare()


def _is_written(begun: Start) -> bool:
    """False: its id or its key is taken, or there is a newer version."""
    with transaction.atomic(using=USING) if begun.runs else nullcontext():
        written = begun.execution_id in journal.apply([intake.queued(begun, intake.utcnow())], USING)
        if written and begun.runs:
            payloads.share(begun.runs, USING)
    return written


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


def _announce(begun: Start) -> None:
    if begun.lane is not None:
        admission.opened([begun.execution_id], USING)
    notifications.wake([begun.execution_id])
    notifications.changed([begun.execution_id])


def _start_plainly(begun: Start, again: Callable[[], Start]) -> Execution:
    """After an admission that was refused, or whose answer got lost: the span tells whose a row is."""
    own = Execution.objects.using(USING).filter(pk=begun.execution_id, span_id=begun.span_id).first()
    return own or store(begun, again)


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
        queue=begun.queue,
        queued_at=now,
        started_at=now,
        trace_id=begun.trace_id,
        span_id=begun.span_id,
        parent_span_id=begun.parent_span_id,
    )
    execution._state.adding = False
    return execution
