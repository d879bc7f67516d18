"""One attempt of one node run: how its user code is called, how long it may take, what it tells. Its end is
a value.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from executions.conf import conf
from executions.events import run_id
from executions.executor.attempts.endings import completed, failed, failed_as, readable
from executions.executor.attempts.invoking import Invocation
from executions.executor.attempts.keeping import PayloadNotStored, is_simple, kept
from executions.executor.attempts.telling import Reports, Teller
from executions.executor.attempts.ways import InProcess, InThread, InTransaction, OnLoop, Way
from executions.executor.desk import Desk
from executions.flow.outcomes import Completed, Failed, Lost, Outcome, Stopped
from executions.flow.state import Run
from executions.payloads import Place
from executions.telemetry import guard_log, span_id_of
from procedures import Context, Procedure, registry
from procedures.errors import ProcedureNotFound
from workflows.policies import Timeout

__all__ = ["Attempt", "completed", "failed", "readable"]

UNLIMITED = Timeout()


class Attempt:
    """Belongs to a driver, which hears of its end exactly once, on the loop."""

    def __init__(self, driver: Any, run: Run) -> None:
        self._driver = driver
        self.run = run
        self._loop: asyncio.AbstractEventLoop = driver.host.loop
        self._desk: Desk = driver.host.desk
        self._way: Way | None = None
        self._reports: Reports | None = None
        self._limits = UNLIMITED
        self._timers: dict[Callable[..., None], asyncio.TimerHandle] = {}
        self._told_to_stop = threading.Event()
        self._over = False

    def start(self) -> None:
        try:
            procedure = registry.get(self.run.node.procedure or "")
            self._limits = limits(self.run.node.timeout, procedure)
            if procedure.wants_context or self._limits.heartbeat is not None:
                self._reports = self._listening()
            self._way = self._way_of(procedure)
        except ProcedureNotFound as error:
            self._loop.call_soon(self.end, failed(error))
            return
        if self._may_start():
            self._way.start()

    def stop(self, grace: float | None = None) -> None:
        """Ask it to end: async code by cancellation, the rest by ``context.cancelled``; then by force."""
        self._told_to_stop.set()
        if self._way is not None:
            if self._way.withdraw():
                self._loop.call_soon(self.end, Stopped())
                return
            self._way.ask_to_stop()
        self._after(conf.CANCEL_GRACE_SECONDS if grace is None else grace, self._give_up)

    def abandon(self) -> None:
        """Nobody waits for it any more."""
        self._over = True
        if self._reports is not None:
            self._reports.close()
        self._clear_timers()
        self._leave()

    def flush(self) -> None:
        """Hand on all that user code has told so far."""
        if self._reports is not None and not self._over:
            self._reports.flush()

    # How it runs

    def _way_of(self, procedure: Procedure) -> Way:
        span = (self._driver.trace_id, span_id_of(self._driver.trace_id, self.run.index, self.run.attempt))
        secrets = self._driver.flow.secrets
        if secrets:
            guard_log(procedure.name)
        call = Invocation(procedure, self.run.arguments, self._context, span, secrets)
        host = self._driver.host
        if procedure.is_isolated:
            return InProcess(call, self, host.processes, self._tell, self._known)
        if procedure.is_async:
            return OnLoop(call, self, self._loop)
        if procedure.transactional:
            return InTransaction(call, self, host.threads, self._told_to_stop, Settlement(self._driver, self))
        return InThread(call, self, host.threads, self._told_to_stop)

    def began(self) -> None:
        """From any thread: user code is about to be called."""
        if self._limits.start_to_close is not None or self._limits.heartbeat is not None:
            self._desk.tell(self._count_time)

    def has_ended(self, outcome: Outcome | Lost) -> None:
        """From any thread."""
        self._desk.tell(self.end, self.kept(outcome))

    def kept(self, outcome: Outcome | Lost) -> Any:
        """The outcome as it is to be stored. For threads."""
        procedure, secrets = registry.get(self.run.node.procedure or ""), self._driver.flow.secrets
        if is_simple(outcome, procedure, secrets):
            return outcome
        assert isinstance(outcome, Completed)
        place = Place(self._driver.flow.execution_id, self.run.index, self.run.attempt)
        try:
            return kept(outcome, procedure, secrets, place)
        except Exception as error:
            return failed(error, outcome.spans)

    async def akept(self, outcome: Outcome) -> Any:
        """The same, for the loop."""
        procedure, secrets = registry.get(self.run.node.procedure or ""), self._driver.flow.secrets
        if is_simple(outcome, procedure, secrets):
            return outcome
        return await self._loop.run_in_executor(self._driver.host.aside, self.kept, outcome)

    # What user code gets

    def _context(self) -> Context:
        told_to_stop = self._told_to_stop.is_set
        return Context(**self._known(), is_cancelled=told_to_stop, listener=Teller(self._tell))

    def _known(self) -> dict[str, Any]:
        flow, run = self._driver.flow, self.run
        name = run_id(flow.execution_id, run.index)
        return {
            "execution_id": flow.execution_id,
            "workflow_id": flow.definition.id,
            "workflow_name": flow.definition.name,
            "node_id": run.node.id,
            "run_id": name,
            "attempt": run.attempt,
            "idempotency_key": run.key or name,
            "procedure": run.node.procedure or "",
            "heartbeat_details": run.details,
        }

    def _tell(self, kind: str, value: Any) -> None:
        if self._reports is not None:
            self._reports.take(kind, value)

    def _listening(self) -> Reports:
        index, driver = self.run.index, self._driver
        progress, beat = partial(driver.progress, index), partial(driver.beat, index)
        return Reports(self._desk, self._loop, progress, beat, driver.flow.secrets.begun_in)

    # How long it may take

    def _may_start(self) -> bool:
        """Whether it has not waited too long already; it is watched from the start that was committed."""
        limit = self._limits.schedule_to_start
        if limit is None:
            return True
        now = self._driver.host.clock.now()
        left = limit - (now - (self.run.attempt_at or now)).total_seconds()
        self._after(max(0.0, left), self._start_late, limit)
        return left > 0

    def _start_late(self, limit: float) -> None:
        if self._way is not None and self._way.withdraw():
            self._told_to_stop.set()
            message = f"user code was not called within {limit:g} s (timeout.scheduleToStart)"
            self.end(failed_as(TimeoutError, message))

    def _count_time(self) -> None:
        if self._over:
            return
        if (limit := self._limits.start_to_close) is not None:
            message = f"no end within {limit:g} s (timeout.startToClose)"
            self._after(limit, self._time_out, message)
        if (limit := self._limits.heartbeat) is not None:
            self._tell("beat", None)
            self._after(limit, self._look_for_a_sign, limit)

    def _look_for_a_sign(self, limit: float) -> None:
        assert self._reports is not None
        silent = self._loop.time() - self._reports.last_sign
        if silent < limit:
            self._after(limit - silent, self._look_for_a_sign, limit)
        else:
            self._time_out(f"no heartbeat within {limit:g} s (timeout.heartbeat)")

    def _after(self, seconds: float, what: Callable[..., None], *values: Any) -> None:
        """One timer for each; the earliest counts."""
        known = self._timers.get(what)
        if known is not None:
            if known.when() <= self._loop.time() + seconds:
                return
            known.cancel()
        self._timers[what] = self._loop.call_later(seconds, self._now, what, *values)

    def _now(self, what: Callable[..., None], *values: Any) -> None:
        self._timers.pop(what, None)
        what(*values)

    # How it ends

    def _time_out(self, message: str) -> None:
        self._leave()
        self.end(failed_as(TimeoutError, message))

    def _give_up(self) -> None:
        self._leave()
        self.end(Stopped("cancelled; it did not end in time"))

    def _leave(self) -> None:
        self._told_to_stop.set()
        if self._way is not None:
            self._way.leave()

    def end(self, outcome: Outcome | Lost) -> None:
        """What was told comes before the end, and nothing after it."""
        if self._over:
            return
        self.flush()
        self._over = True
        if self._reports is not None:
            self._reports.close()
        self._clear_timers()
        self._driver.ended(self.run.index, outcome)

    def _clear_timers(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()


@dataclass(frozen=True, slots=True)
class Settlement:
    """Between a transactional attempt's thread and its driver."""

    driver: Any
    attempt: Attempt

    def rows(self, outcome: Outcome) -> Any:
        """Raises what keeps the outcome from being stored: then the transaction does not commit."""
        stored = self.attempt.kept(outcome)
        if isinstance(outcome, Completed) and isinstance(stored, Failed):
            raise PayloadNotStored(stored.message)
        return self.driver.transactions.rows(self.attempt, stored).result()

    def settled(self, written: bool | Failed | Lost) -> None:
        self.driver.transactions.settled(self.attempt, written)


def limits(node: Timeout | None, procedure: Procedure) -> Timeout:
    """The node's word, and the procedure's own where the node has none."""
    own, told = procedure.timeout, node or UNLIMITED
    if not own:
        return told
    return Timeout(
        start_to_close=_first(told.start_to_close, own.get("startToClose")),
        schedule_to_start=_first(told.schedule_to_start, own.get("scheduleToStart")),
        heartbeat=_first(told.heartbeat, own.get("heartbeat")),
    )


def _first(told: float | None, own: float | None) -> float | None:
    return own if told is None else told
