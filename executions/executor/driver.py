"""The actor of one execution: takes what has happened, asks the rules, journals, then does what they say.

At most one transition of an execution is on its way at a time; what happens meanwhile waits in ``_inbox`` and goes
into the next. Nothing of a step is acted upon before it is committed. All of it runs on the executor's loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any, Protocol

from executions import telemetry, transitions
from executions.conf import conf
from executions.executor.attempt import Attempt
from executions.executor.clock import Clock
from executions.flow import advance
from executions.flow.outcomes import Failed, Lost, Outcome
from executions.flow.plan import Plan
from executions.flow.state import Ending, Flow
from executions.journal import Journal
from executions.states import ExecutionStatus, NodeStatus
from executions.transitions import Lease, Row, Transition

log = logging.getLogger("c4c.executor")

Item = Callable[[Plan], None]

HOLD = timedelta(seconds=1)
"""A wait shorter than this stays with its executor: giving the lease back would cost more than it frees."""


class Host(Protocol):
    """What a driver needs of its executor."""

    clock: Clock
    journal: Journal
    random: Random
    loop: asyncio.AbstractEventLoop
    threads: Any
    stopping: bool

    def look(self, ids: list[str]) -> None:
        """Read these executions' inboxes soon."""

    def let_go(self, driver: Driver) -> None:
        """The driver holds the execution no longer."""

    def reload(self, driver: Driver, then: Callable[[Driver], None]) -> None:
        """Read the execution's rows again and go on from them."""

    def expel(self, driver: Driver, reason: str) -> None:
        """Give up the lease of an execution that cannot be driven here; it is looked at again later."""


@dataclass(slots=True)
class Step:
    """A transition on its way, and what is to be done once it is committed."""

    plan: Plan
    transition: Transition
    more: bool


def _look(plan: Plan) -> None:
    """Nothing has happened; see where the execution stands."""


class Driver:
    """Holds one execution under one lease."""

    def __init__(self, host: Host, flow: Flow, lease: Lease, trace_id: str) -> None:
        self.host = host
        self.flow = flow
        self.lease = lease
        self.trace_id = trace_id
        self.over = False
        self._inbox: deque[Item] = deque()
        self._commands: list[Row] = []
        self._attempts: dict[int, Attempt] = {}
        self._step: Step | None = None
        self._transactions: deque[tuple[Attempt, Outcome, Future[Transition | None]]] = deque()
        self._in_transaction = False
        self._timer: asyncio.TimerHandle | None = None
        self._known: set[int] = set()
        self.finished: asyncio.Future[ExecutionStatus] | None = None
        """Set by who waits here for the end; resolved when it is committed, cancelled when the lease goes."""

    # What can happen

    def go_on(self) -> None:
        """Claimed: begin, or take over from where the rows stand."""
        self.tell(self._go_on)

    def begin_stored(self, transition: Transition, stored: asyncio.Future[bool]) -> None:
        """Begin an execution whose very row is written with its first transition."""
        plan = Plan(self.host.clock.now())
        advance.begin(self.flow, plan)
        more = advance.settle(self.flow, plan)
        transitions.extend_created(transition, self.flow, plan, self.lease)
        self._step = Step(plan, transition, more)

        def written(answer: bool | Exception) -> None:
            if isinstance(answer, Exception):
                stored.set_exception(answer)
            else:
                stored.set_result(answer)
            self._written(answer is True)
            if answer is True:
                # What it came to may be a long wait: park it.
                self.tell(_look)

        self.host.journal.submit(transition, written)

    def ended(self, index: int, outcome: Outcome) -> None:
        """An attempt has ended."""
        self._attempts.pop(index, None)
        self.tell(lambda plan: self._ended(index, outcome, plan))

    def progress(self, index: int, data: dict[str, Any]) -> None:
        self.tell(lambda plan: advance.progress(self.flow, plan, index, data))

    def command(self, id: int, kind: str, payload: dict[str, Any], actor: str) -> None:
        """A word from outside; each is taken once."""
        if id not in self._known:
            self._known.add(id)
            self.tell(lambda plan: self._obey(plan, id, kind, payload, actor))

    def surrender(self, reason: str) -> None:
        """The executor stops: what is in flight is lost, without blame, and the lease given back."""
        self.tell(lambda plan: self._lose(plan, Lost(reason, counts=False)))

    def tell(self, item: Item) -> None:
        self._inbox.append(item)
        self._next()

    def abandon(self) -> None:
        """The lease is lost: stop everything, write nothing."""
        self.over = True
        self._cancel_timer()
        self._drop_attempts()
        for _, _, future in self._transactions:
            future.set_result(None)
        self._transactions.clear()
        if self.finished is not None:
            self.finished.cancel()
        self.host.let_go(self)

    # One step

    def _next(self) -> None:
        """The next step, unless one is on its way. A bug in it must not keep the lease for ever."""
        if self.over or self._step is not None or self._in_transaction:
            return
        try:
            if self._transactions:
                self._begin_transaction(*self._transactions.popleft())
            elif self._inbox:
                self._take_step()
        except Exception as error:
            log.exception("execution %s: its next step failed", self.flow.execution_id)
            self.host.expel(self, f"{type(error).__name__}: {error}")

    def _take_step(self) -> None:
        plan = Plan(self.host.clock.now())
        was = self.flow.status
        while self._inbox:
            self._inbox.popleft()(plan)
        self._submit(self._decide(plan, was))

    def _decide(self, plan: Plan, was: ExecutionStatus) -> Step | None:
        more = advance.settle(self.flow, plan)
        release = False if more else self._release_at()
        if not (plan.facts or plan.touched or self._commands or release is not False):
            self._act(plan)
            return None
        transition = transitions.build(self.flow, plan, self.lease, was, release=release)
        transition.commands, self._commands = self._commands, []
        return Step(plan, transition, more)

    def _release_at(self) -> datetime | bool:
        """When to be looked at again, if the lease can be given back: False, it cannot."""
        flow = self.flow
        if flow.status is ExecutionStatus.PAUSED:
            return True
        if self.host.stopping and not self._attempts:
            return self.host.clock.now()
        if flow.status is ExecutionStatus.WAITING:
            due = self._due()
            if due is None:
                return True
            if due - self.host.clock.now() > HOLD:
                return due
        return False

    def _due(self) -> datetime | None:
        """When the next run is to be moved on; None where nothing is to start by itself."""
        if self.flow.held or self.flow.ending:
            return None
        moments = [run.available_at for run in self.flow.live_runs() if run.available_at is not None]
        return min(moments, default=None)

    def _submit(self, step: Step | None) -> None:
        if step is not None:
            self._step = step
            self.host.journal.submit(step.transition, self._written)

    def _written(self, written: bool | Exception) -> None:
        step, self._step = self._step, None
        self._in_transaction = False
        if self.over or step is None:
            return
        if written is True:
            self._committed(step)
        elif written is False:
            log.info("execution %s: the lease is lost", self.flow.execution_id)
            self.abandon()
        else:
            self._refused(step, written)

    def _committed(self, step: Step) -> None:
        moved = step.transition.moved
        if self.flow.status.is_terminal or (moved is not None and moved["release"]):
            self._finish()
            return
        self._act(step.plan)
        if step.more:
            self._inbox.append(lambda plan: plan.agenda.extend(step.plan.agenda))
        self._next()

    def _finish(self) -> None:
        self.over = True
        self._cancel_timer()
        self._drop_attempts()
        if self.flow.status.is_terminal:
            telemetry.ended(self.flow.execution_id)
        if self.finished is not None and not self.finished.done():
            ended = self.flow.status.is_terminal
            self.finished.set_result(self.flow.status) if ended else self.finished.cancel()
        self.host.let_go(self)

    def _drop_attempts(self) -> None:
        for attempt in self._attempts.values():
            attempt.abandon()
        self._attempts.clear()

    def _act(self, plan: Plan) -> None:
        if self.host.stopping and plan.launch:
            self.surrender("the executor was stopped")
            return
        for run in plan.launch:
            if run.is_in_flight:
                self._attempts[run.index] = Attempt(self, run)
                self._attempts[run.index].start()
        for run in plan.stop:
            attempt = self._attempts.get(run.index)
            if attempt is not None:
                attempt.stop()
        self._set_timer()

    def _refused(self, step: Step, error: Exception) -> None:
        """The rows cannot be written: the nodes whose values were in them fail, and the flow goes on from there."""
        log.warning("execution %s: a transition cannot be written: %s", self.flow.execution_id, error)
        message = " ".join(str(error).split())[:500]
        self._known -= {row["id"] for row in step.transition.commands}
        blamed = [run.index for run in step.plan.touched.values() if run.status is NodeStatus.COMPLETED]
        failed = Failed("UnstorableValue", message, retryable=False)

        def fail(driver: Driver) -> None:
            for index in blamed:
                driver.tell(lambda plan, index=index: driver._ended(index, failed, plan))  # type: ignore[misc]
            if not blamed:
                ending = Ending(ExecutionStatus.FAILED, {"name": failed.name, "message": message})
                driver.tell(lambda plan: advance.finish(driver.flow, plan, ending))

        self.host.reload(self, fail)
        self.host.look([self.flow.execution_id])

    # Transactional procedures

    def transaction(self, attempt: Attempt, outcome: Outcome) -> Future[Transition | None]:
        """From the attempt's thread: the rows that it is to write in its own transaction; None, it must roll back.

        Until ``settled`` nothing else of this execution is written.
        """
        future: Future[Transition | None] = Future()
        self.host.loop.call_soon_threadsafe(self._ask_transaction, attempt, outcome, future)
        return future

    def settled(self, index: int, written: bool | Exception) -> None:
        """From the attempt's thread: its transaction is committed, refused, or failed."""
        self.host.loop.call_soon_threadsafe(self._settled, index, written)

    def _ask_transaction(
        self, attempt: Attempt, outcome: Outcome, future: Future[Transition | None]
    ) -> None:
        self._transactions.append((attempt, outcome, future))
        self._begin_transaction(*self._transactions.popleft()) if self.over else self._next()

    def _begin_transaction(
        self, attempt: Attempt, outcome: Outcome, future: Future[Transition | None]
    ) -> None:
        run = attempt.run
        if self.over or self._attempts.get(run.index) is not attempt or run.stopping:
            future.set_result(None)
            self._next()
            return
        plan = Plan(self.host.clock.now())
        was = self.flow.status
        self._ended(run.index, outcome, plan)
        self._step = self._decide(plan, was)
        self._in_transaction = True
        future.set_result(self._step.transition if self._step else None)

    def _settled(self, index: int, written: bool | Exception) -> None:
        self._attempts.pop(index, None)
        if written is True and self._step is not None:
            self.host.journal.announce([self.flow.execution_id])
        self._written(written)

    # Items

    def _go_on(self, plan: Plan) -> None:
        lost = Lost("its executor went away")
        advance.take_up(self.flow, plan, self.lease.deadline_at, lost, conf.MAX_LOST)

    def _lose(self, plan: Plan, lost: Lost) -> None:
        self._drop_attempts()
        advance.lose(self.flow, plan, lost, conf.MAX_LOST)

    def _ended(self, index: int, outcome: Outcome, plan: Plan) -> None:
        advance.ended(self.flow, plan, self.flow.runs[index], outcome, self.host.random)

    def _obey(self, plan: Plan, id: int, kind: str, payload: dict[str, Any], actor: str) -> None:
        applied = advance.obey(self.flow, plan, kind, payload, actor)
        self.lease.inbox += 1
        outcome = "applied" if applied else "ignored"
        self._commands.append({"x": self.flow.execution_id, "id": id, "outcome": outcome})
        if applied and payload.get("force"):
            for attempt in list(self._attempts.values()):
                attempt.stop(grace=0)

    # Time

    def _set_timer(self) -> None:
        """Wake up for the next retry, the end of a short delay, or the deadline."""
        self._cancel_timer()
        ending = self.flow.ending
        expires = None if ending and ending.status is ExecutionStatus.TIMED_OUT else self.lease.deadline_at
        moments = [at for at in (self._due(), expires) if at is not None]
        if moments and not self.over:
            wait = (min(moments) - self.host.clock.now()).total_seconds()
            self._timer = self.host.loop.call_later(max(0.0, wait), self._on_time)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_time(self) -> None:
        self._timer = None
        self.tell(self.pass_time)

    def pass_time(self, plan: Plan) -> None:
        """Whatever is due by now."""
        advance.expire(self.flow, plan, self.lease.deadline_at)
        advance.due(self.flow, plan)
