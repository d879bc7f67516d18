"""One attempt of one node run: bind the input, call user code, check what it answers. Its end is a value."""

from __future__ import annotations

import asyncio
import threading
import traceback
from collections.abc import Callable
from typing import Any

import orjson
from asgiref.sync import SyncToAsync, ThreadSensitiveContext
from django.db import InterfaceError, OperationalError, close_old_connections, connections, transaction

from executions.conf import conf
from executions.events import run_id
from executions.executor.desk import Desk
from executions.executor.threads import Job, Threads
from executions.flow.outcomes import Completed, Failed, Lost, Outcome, Stopped
from executions.flow.state import Run
from executions.journal import apply
from executions.telemetry import attempt_context, span_id_of
from procedures import Cancelled, Context, NonRetryable, Procedure, Retry, registry
from procedures.errors import InvalidInput, InvalidOutput, ProcedureNotFound

STACK_LINES = 30
MESSAGE_LENGTH = 4000


class _RolledBack(Exception):
    """The transaction of a procedure that was told to stop, or whose lease is lost, must not commit."""


class _OwnThread(ThreadSensitiveContext):
    """A thread for what one async call does in ``sync_to_async``, as all of Django's async ORM does.

    At the end its connections are closed in it, and nobody waits for that.
    """

    async def __aexit__(self, *failure: Any) -> None:
        thread: Any = SyncToAsync.context_to_thread_executor.pop(self, None)
        if thread is not None:
            thread.submit(connections.close_all)
            thread.shutdown(wait=False)
        await super().__aexit__(*failure)


class Attempt:
    """Belongs to a driver, which hears of its end exactly once, on the loop."""

    def __init__(self, driver: Any, run: Run) -> None:
        self._driver = driver
        self.run = run
        self._loop: asyncio.AbstractEventLoop = driver.host.loop
        self._desk: Desk = driver.host.desk
        self._threads: Threads = driver.host.threads
        self._task: asyncio.Task[None] | None = None
        self._job: Job | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._told_to_stop = threading.Event()
        self._over = False

    def start(self) -> None:
        try:
            procedure = registry.get(self.run.node.procedure or "")
        except ProcedureNotFound as error:
            self._loop.call_soon(self._end, failed(error))
            return
        if procedure.is_async:
            self._begin()
            self._task = self._loop.create_task(self._run_async(procedure))
            self._task.add_done_callback(self._task_done)
        else:
            work = self._run_transactional if procedure.transactional else self._run_sync
            self._job = self._threads.submit(self._in_thread, work, procedure)

    def stop(self, grace: float | None = None) -> None:
        """Ask it to end: async code by cancellation, sync by ``context.cancelled``; then leave it behind."""
        self._told_to_stop.set()
        if self._task is not None:
            self._task.cancel()
        if self._job is not None and self._threads.withdraw(self._job):
            self._loop.call_soon(self._end, Stopped())
            return
        wait = conf.CANCEL_GRACE_SECONDS if grace is None else grace
        self._timers.append(self._loop.call_later(wait, self._give_up))

    def abandon(self) -> None:
        """Nobody waits for it any more."""
        self._over = True
        self._clear_timers()
        self._leave_behind()

    # How it runs

    def _begin(self) -> None:
        """User code is about to be called: from now on its time is counted."""
        limit = self.run.node.timeout
        if limit is not None and limit.start_to_close is not None and not self._over:
            seconds = limit.start_to_close
            self._timers.append(self._loop.call_later(seconds, self._time_out, seconds))

    async def _run_async(self, procedure: Procedure) -> None:
        outcome: Outcome
        with attempt_context(self._driver.trace_id, self._span_id()) as span:
            try:
                async with _OwnThread():
                    answer = await procedure.handler(**self._bound(procedure))
                outcome = completed(procedure, answer, span.collected())
            except asyncio.CancelledError:
                outcome = Stopped(spans=span.collected())
            except (Exception, SystemExit) as error:
                outcome = failed(error, span.collected())
        self._end(outcome)

    def _task_done(self, task: asyncio.Task[None]) -> None:
        """Cancelled before it began, or failed outside user code: it has an end all the same."""
        if task.cancelled():
            self._end(Stopped())
        elif (error := task.exception()) is not None:
            self._end(failed(error))

    def _in_thread(self, work: Callable[[Procedure], Outcome | None], procedure: Procedure) -> None:
        """What waited for a thread until it was told to stop, or lost its lease, does not begin."""
        outcome: Outcome | None = Stopped()
        if not self._told_to_stop.is_set():
            if self.run.node.timeout is not None:
                self._desk.tell(self._begin)
            try:
                outcome = work(procedure)
            except BaseException as error:  # also of giving a broken connection back
                outcome = failed(error)
        if outcome is not None:
            self._desk.tell(self._end, outcome)

    def _run_sync(self, procedure: Procedure) -> Outcome:
        with attempt_context(self._driver.trace_id, self._span_id()) as span:
            close_old_connections()
            try:
                answer = procedure.handler(**self._bound(procedure))
                return completed(procedure, answer, span.collected())
            except BaseException as error:
                return failed(error, span.collected())
            finally:
                close_old_connections()

    def _run_transactional(self, procedure: Procedure) -> Outcome | None:
        """The procedure's writes and its node's transition, in one transaction on this thread's connection.

        None: the driver has asked for the outcome and been told what became of the transaction.
        """
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
                self._driver.settled(self, True)
            except _RolledBack:
                return self._answered(asked, False, Stopped())
            except BaseException as error:
                return self._answered(
                    asked, _undone(error, span.collected()), failed(error, span.collected())
                )
            finally:
                close_old_connections()
        return None

    def _answered(self, asked: bool, settled: bool | Failed | Lost, outcome: Outcome) -> Outcome | None:
        if not asked:
            return outcome
        self._driver.settled(self, settled)
        return None

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
        self._desk.tell(self._driver.progress, self.run.index, told)

    def _span_id(self) -> str:
        return span_id_of(self._driver.trace_id, self.run.index, self.run.attempt)

    # How it ends

    def _time_out(self, seconds: float) -> None:
        self._leave_behind()
        self._end(Failed("TimeoutError", f"no end within {seconds:g} s (timeout.startToClose)"))

    def _give_up(self) -> None:
        self._leave_behind()
        self._end(Stopped("cancelled; it did not end in time"))

    def _leave_behind(self) -> None:
        self._told_to_stop.set()
        if self._task is not None:
            self._task.cancel()
        if self._job is not None:
            self._threads.leave_behind(self._job)

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


def _undone(error: BaseException, spans: list[dict[str, Any]]) -> Failed | Lost:
    """What became of a transaction that was to write its node's end."""
    if isinstance(error, OperationalError | InterfaceError):
        # The database went away or gave up, perhaps after the commit: the rows will tell.
        return Lost(f"its transaction could not be finished: {readable(str(error))}")
    outcome = failed(error, spans)
    return outcome if isinstance(outcome, Failed) else Failed(type(error).__name__, readable(str(error)))


def failed(error: BaseException, spans: list[dict[str, Any]] | None = None) -> Outcome:
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


def stack_of(error: BaseException) -> str:
    """The end of the traceback, without this module's own frames."""
    entries = [entry for entry in traceback.extract_tb(error.__traceback__) if entry.filename != __file__]
    lines = traceback.format_list(entries[-STACK_LINES:])
    return readable("".join([*lines, *traceback.format_exception_only(error)]), 4 * MESSAGE_LENGTH)


def readable(text: str, length: int = MESSAGE_LENGTH) -> str:
    """Text that PostgreSQL can store: no NUL, no lone surrogates, not endless."""
    return text.replace("\0", "\N{SYMBOL FOR NULL}").encode("utf-8", "replace").decode()[:length]
