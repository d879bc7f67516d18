"""One attempt of one node run: bind the input, call user code, check what it answers. Its end is a value."""

from __future__ import annotations

import asyncio
import threading
import traceback
from collections.abc import Callable
from typing import Any

import orjson
from asgiref.sync import ThreadSensitiveContext
from django.db import close_old_connections, transaction

from executions.conf import conf
from executions.events import run_id
from executions.flow.outcomes import Completed, Failed, Outcome, Stopped
from executions.flow.state import Run
from executions.journal import apply
from executions.telemetry import attempt_context, span_id_of
from procedures import Cancelled, Context, NonRetryable, Procedure, Retry, registry
from procedures.errors import InvalidInput, InvalidOutput, ProcedureNotFound

STACK_LINES = 30
MESSAGE_LENGTH = 4000


class _RolledBack(Exception):
    """The transaction of a procedure that was told to stop, or whose lease is lost, must not commit."""


class Attempt:
    """Belongs to a driver, which hears of its end exactly once, on the loop."""

    def __init__(self, driver: Any, run: Run) -> None:
        self._driver = driver
        self.run = run
        self._loop: asyncio.AbstractEventLoop = driver.host.loop
        self._task: asyncio.Task[None] | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._told_to_stop = threading.Event()
        self._over = False
        self._transactional = False

    def start(self) -> None:
        try:
            procedure = registry.get(self.run.node.procedure or "")
        except ProcedureNotFound as error:
            self._loop.call_soon(self._end, failed(error))
            return
        limit = self.run.node.timeout
        if limit is not None and limit.start_to_close is not None:
            self._timers.append(self._loop.call_later(limit.start_to_close, self._time_out, limit.start_to_close))
        if procedure.is_async:
            self._task = self._loop.create_task(self._run_async(procedure))
        else:
            self._transactional = procedure.transactional
            work = self._run_transactional if procedure.transactional else self._run_sync
            self._driver.host.threads.submit(work, procedure)

    def stop(self, grace: float | None = None) -> None:
        """Ask it to end: cancellation for async code, ``context.cancelled`` for sync; left behind after the grace."""
        self._told_to_stop.set()
        if self._task is not None:
            self._task.cancel()
        wait = conf.CANCEL_GRACE_SECONDS if grace is None else grace
        self._timers.append(self._loop.call_later(wait, self._end, Stopped("cancelled; it did not end in time")))

    def abandon(self) -> None:
        """Nobody waits for it any more."""
        self._over = True
        self._told_to_stop.set()
        self._clear_timers()
        if self._task is not None:
            self._task.cancel()

    # How it runs

    async def _run_async(self, procedure: Procedure) -> None:
        outcome: Outcome
        with attempt_context(self._driver.trace_id, self._span_id()) as span:
            try:
                async with ThreadSensitiveContext():
                    answer = await procedure.handler(**self._bound(procedure))
                outcome = completed(procedure, answer, span.collected())
            except asyncio.CancelledError:
                outcome = Stopped(spans=span.collected())
            except Exception as error:
                outcome = failed(error, span.collected())
        self._end(outcome)

    def _run_sync(self, procedure: Procedure) -> None:
        outcome: Outcome
        with attempt_context(self._driver.trace_id, self._span_id()) as span:
            close_old_connections()
            try:
                answer = procedure.handler(**self._bound(procedure))
                outcome = completed(procedure, answer, span.collected())
            except Exception as error:
                outcome = failed(error, span.collected())
            finally:
                close_old_connections()
        self._from_thread(self._end, outcome)

    def _run_transactional(self, procedure: Procedure) -> None:
        """The procedure's writes and its node's transition, in one transaction on this thread's connection."""
        asked = False
        with attempt_context(self._driver.trace_id, self._span_id()) as span:
            close_old_connections()
            try:
                with transaction.atomic(durable=True):
                    answer = procedure.handler(**self._bound(procedure))
                    outcome = completed(procedure, answer, span.collected())
                    rows = self._driver.transaction(self, outcome).result()
                    if rows is None:
                        raise _RolledBack
                    asked = True
                    if not apply([rows]):
                        raise _RolledBack
                self._driver.settled(self.run.index, True)
            except _RolledBack:
                self._rolled_back(asked)
            except Exception as error:
                self._failed_transaction(asked, error, span.collected())
            finally:
                close_old_connections()

    def _rolled_back(self, asked: bool) -> None:
        if asked:
            self._driver.settled(self.run.index, False)
        else:
            self._from_thread(self._end, Stopped())

    def _failed_transaction(self, asked: bool, error: Exception, spans: list[dict[str, Any]]) -> None:
        if asked:
            self._driver.settled(self.run.index, error)
        else:
            self._from_thread(self._end, failed(error, spans))

    # What user code gets

    def _bound(self, procedure: Procedure) -> dict[str, Any]:
        context = self._context() if procedure.wants_context else None
        return procedure.bind(self.run.arguments, context)

    def _context(self) -> Context:
        flow, run = self._driver.flow, self.run
        definition = flow.definition
        name = run_id(flow.execution_id, run.index)
        return Context(
            execution_id=flow.execution_id,
            workflow_id=definition.id,
            workflow_name=definition.name,
            node_id=run.node.id,
            run_id=name,
            attempt=run.attempt,
            idempotency_key=name,
            procedure=run.node.procedure or "",
            is_cancelled=self._told_to_stop.is_set,
            report=self._report,
        )

    def _report(self, fraction: float | None, message: str | None) -> None:
        told: dict[str, Any] = {}
        if fraction is not None:
            told["progress"] = min(1.0, max(0.0, float(fraction)))
        if message is not None:
            told["message"] = readable(message)
        self._from_thread(self._driver.progress, self.run.index, told)

    def _span_id(self) -> str:
        return span_id_of(self._driver.trace_id, self.run.index, self.run.attempt)

    # How it ends

    def _from_thread(self, callback: Callable[..., None], *values: Any) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(callback, *values)

    def _time_out(self, seconds: float) -> None:
        if self._over:
            return
        self._told_to_stop.set()
        message = f"no end within {seconds:g} s (timeout.startToClose)"
        self._end(Failed("TimeoutError", message))
        if self._task is not None:
            self._task.cancel()

    def _end(self, outcome: Outcome) -> None:
        if self._over:
            return
        self._over = True
        self._clear_timers()
        self._driver.ended(self.run.index, outcome)

    def _clear_timers(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()


# What an attempt comes to


def completed(procedure: Procedure, answer: Any, spans: list[dict[str, Any]]) -> Completed:
    """Check the answer against the contract and the limits. Raises ``InvalidOutput``."""
    output = procedure.contract.dump_output(answer)
    try:
        encoded = orjson.dumps(output)
    except (TypeError, ValueError) as error:
        raise InvalidOutput([{"detail": f"not JSON: {error}", "pointer": ""}]) from None
    if len(encoded) > conf.MAX_OUTPUT_BYTES:
        detail = f"the output is {len(encoded)} bytes; at most {conf.MAX_OUTPUT_BYTES}"
        raise InvalidOutput([{"detail": detail, "pointer": ""}])
    return Completed(output, encoded, spans)


def failed(error: Exception, spans: list[dict[str, Any]] | None = None) -> Outcome:
    """The failure as it is remembered; what the procedure itself has decided is kept."""
    kept = spans or []
    message = readable(str(error) or type(error).__name__)
    match error:
        case Cancelled():
            return Stopped(spans=kept)
        case Retry():
            return Failed("Retry", message, asked_to_retry=True, retry_after=error.after, spans=kept)
        case NonRetryable() | InvalidInput() | InvalidOutput() | ProcedureNotFound():
            return Failed(type(error).__name__, message, retryable=False, spans=kept)
        case _:
            return Failed(type(error).__name__, message, stack_of(error), spans=kept)


def stack_of(error: Exception) -> str:
    """The end of the traceback, without this module's own frames."""
    entries = [entry for entry in traceback.extract_tb(error.__traceback__) if entry.filename != __file__]
    lines = traceback.format_list(entries[-STACK_LINES:])
    return readable("".join([*lines, *traceback.format_exception_only(error)]), 4 * MESSAGE_LENGTH)


def readable(text: str, length: int = MESSAGE_LENGTH) -> str:
    """Text that PostgreSQL can store: no NUL, no lone surrogates, not endless."""
    return text.replace("\0", "\N{SYMBOL FOR NULL}").encode("utf-8", "replace").decode()[:length]
