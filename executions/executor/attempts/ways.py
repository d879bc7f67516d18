"""The ways in which user code is called: on the loop, in a thread, in a transaction, in a process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from threading import Event
from typing import Any, Protocol

from django.db import InterfaceError, OperationalError, transaction

from executions.executor.attempts.elsewhere import only_reading_elsewhere
from executions.executor.attempts.endings import completed, failed, readable
from executions.executor.attempts.invoking import Invocation, ainvoked, invoked, own_connections
from executions.executor.attempts.isolation import Processes, Work
from executions.executor.attempts.telling import Tell
from executions.executor.threads import Job, Threads
from executions.flow.outcomes import Failed, Lost, Outcome, Stopped
from executions.journal import apply
from executions.telemetry import attempt_context


class Teller(Protocol):
    """Hears of a call, from any thread."""

    def began(self) -> None:
        """User code is about to be called."""

    def has_ended(self, outcome: Outcome | Lost) -> None: ...

    def end(self, outcome: Outcome | Lost) -> None:
        """As ``has_ended``, from the loop: at once."""

    async def akept(self, outcome: Outcome) -> Outcome:
        """The outcome as it is to be stored."""


class Way(Protocol):
    """How a call is made. All of it is for the loop."""

    def start(self) -> None: ...

    def ask_to_stop(self) -> None:
        """What ``context.cancelled`` does not reach of itself."""

    def withdraw(self) -> bool:
        """Take it back, if user code has not begun."""

    def leave(self) -> None:
        """Nobody waits for it any more, and it may never end."""


class OnLoop:
    """An async handler."""

    def __init__(self, call: Invocation, teller: Teller, loop: asyncio.AbstractEventLoop) -> None:
        self._call, self._teller, self._loop = call, teller, loop
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._teller.began()
        self._task = self._loop.create_task(self._run())
        self._task.add_done_callback(self._done)

    def ask_to_stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def withdraw(self) -> bool:
        return self._task is None

    def leave(self) -> None:
        self.ask_to_stop()

    async def _run(self) -> None:
        self._teller.end(await self._teller.akept(await ainvoked(self._call)))

    def _done(self, task: asyncio.Task[None]) -> None:
        """Cancelled before it began, or failed outside user code: it has an end all the same."""
        if task.cancelled():
            self._teller.end(Stopped())
        elif (error := task.exception()) is not None:
            self._teller.end(failed(error))


class InThread:
    """A sync handler."""

    def __init__(self, call: Invocation, teller: Teller, threads: Threads, told_to_stop: Event) -> None:
        self._call, self._teller = call, teller
        self._threads, self._told_to_stop = threads, told_to_stop
        self._job: Job | None = None

    def start(self) -> None:
        self._job = self._threads.submit(self._run)

    def ask_to_stop(self) -> None: ...

    def withdraw(self) -> bool:
        return self._job is None or self._threads.withdraw(self._job)

    def leave(self) -> None:
        if self._job is not None:
            self._threads.leave_behind(self._job)

    def _run(self) -> None:
        """What waited for a thread until it was told to stop, or lost its lease, does not begin."""
        outcome: Outcome | Lost | None = Stopped()
        if not self._told_to_stop.is_set():
            self._teller.began()
            try:
                outcome = self._outcome()
            except BaseException as error:  # also of giving a broken connection back
                outcome = failed(error)
        if outcome is not None:
            self._teller.has_ended(outcome)

    def _outcome(self) -> Outcome | None:
        return invoked(self._call)


class Transactions(Protocol):
    """Has the rows of the node's transition, and waits for what becomes of them."""

    def rows(self, outcome: Outcome) -> Any:
        """None: the transaction must not commit."""

    def settled(self, written: bool | Failed | Lost) -> None: ...


class _RolledBack(Exception):
    """The transaction of a procedure that was told to stop, or whose lease is lost, must not commit."""


class InTransaction(InThread):
    """A sync handler; its writes and its node's transition are one transaction on its thread's connection."""

    def __init__(
        self,
        call: Invocation,
        teller: Teller,
        threads: Threads,
        told_to_stop: Event,
        transactions: Transactions,
    ) -> None:
        super().__init__(call, teller, threads, told_to_stop)
        self._transactions = transactions

    def _outcome(self) -> Outcome | None:
        """None: the outcome has been asked for, and it was told what became of the transaction."""
        call, asked = self._call, False
        with attempt_context(*call.span, call.secrets) as span, own_connections():
            try:
                with transaction.atomic(durable=True):
                    with only_reading_elsewhere():
                        answer = call.procedure.handler(**call.bound())
                    rows = self._transactions.rows(completed(call.procedure, answer, span.collected()))
                    if rows is None:
                        raise _RolledBack
                    asked = True
                    if not apply([rows]):
                        raise _RolledBack
                self._transactions.settled(True)
            except _RolledBack:
                return self._answered(asked, False, Stopped())
            except BaseException as error:
                return self._answered(
                    asked, _undone(error, span.collected()), failed(error, span.collected())
                )
        return None

    def _answered(self, asked: bool, settled: bool | Failed | Lost, outcome: Outcome) -> Outcome | None:
        if not asked:
            return outcome
        self._transactions.settled(settled)
        return None


def _undone(error: BaseException, spans: list[dict[str, Any]]) -> Failed | Lost:
    """What became of a transaction that was to write its node's end."""
    if isinstance(error, OperationalError | InterfaceError):
        # The database went away or gave up, perhaps after the commit: the rows will tell.
        return Lost(f"its transaction could not be finished: {readable(str(error))}")
    outcome = failed(error, spans)
    return outcome if isinstance(outcome, Failed) else Failed(type(error).__name__, readable(str(error)))


class InProcess:
    """Any handler, in a child process that can be killed. ``context``: its fields, as JSON data."""

    def __init__(
        self,
        call: Invocation,
        teller: Teller,
        processes: Processes,
        tell: Tell,
        context: Callable[[], dict[str, Any]],
    ) -> None:
        self._processes = processes
        told = {
            "procedure": call.procedure.name,
            "arguments": call.arguments,
            "context": context(),
            "span": call.span,
            "secrets": call.secrets.texts() if call.secrets else [],
        }
        limit = call.procedure.memory_limit
        self._work = Work(told, teller.began, tell, teller.has_ended, limit)

    def start(self) -> None:
        self._processes.submit(self._work)

    def ask_to_stop(self) -> None:
        self._processes.ask_to_stop(self._work)

    def withdraw(self) -> bool:
        return self._processes.withdraw(self._work)

    def leave(self) -> None:
        self._processes.kill(self._work)
