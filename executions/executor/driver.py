"""The actor of one execution: takes what has happened, asks the rules, journals, then does what they say.

At most one transition of an execution is on its way at a time; what happens meanwhile waits in ``_inbox`` and
goes into the next. Nothing of a step is acted upon before it is committed. All of it runs on the executor's
loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Any, Protocol

from executions import telemetry, transitions
from executions.conf import conf
from executions.executor.attempt import Attempt
from executions.executor.clock import Clock
from executions.executor.desk import Desk, answer
from executions.executor.threads import Threads
from executions.flow import advance
from executions.flow.outcomes import Failed, Lost, Outcome
from executions.flow.plan import Plan
from executions.flow.restore import follow
from executions.flow.state import Ending, Flow
from executions.journal import Journal
from executions.states import ExecutionStatus, NodeStatus
from executions.transitions import Lease, Row, Transition

log = logging.getLogger("c4c.executor")

Item = Callable[[Plan], None]
Rows = Future[Transition | None]

HOLD = timedelta(seconds=1)
"""A wait shorter than this stays with its executor: giving the lease back would cost more than it frees."""
NOBODY = -1
"""The run to blame where it is none: the execution itself fails."""
MOST_REFUSALS = 3
"""Steps in a row that could not be written, before the execution is given up here."""


class Host(Protocol):
    """What a driver needs of its executor."""

    clock: Clock
    desk: Desk
    journal: Journal
    random: Random
    loop: asyncio.AbstractEventLoop
    threads: Threads
    stopping: bool

    def let_go(self, driver: Driver) -> None:
        """The driver holds the execution no longer."""

    def reload(self, driver: Driver) -> None:
        """Read the execution's rows and inbox again, and hand them to ``driver.recovered``."""

    def expel(self, driver: Driver, reason: str) -> None:
        """Give up the lease of an execution that cannot be driven here; it is looked at again later."""


@dataclass(frozen=True, slots=True)
class Word:
    """A command from outside."""

    id: int
    kind: str
    payload: dict[str, Any]
    actor: str


@dataclass(slots=True)
class Step:
    """A transition on its way, and what is to be done once it is committed."""

    plan: Plan
    transition: Transition
    more: bool
    attempt: Attempt | None = None
    """The transactional one that writes it in its own transaction."""


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
        self._transactions: deque[tuple[Attempt, Outcome, Rows]] = deque()
        self._reloading: Mapping[int, Failed | Lost] | None = None
        self._refusals = 0
        self._timer: asyncio.TimerHandle | None = None
        self._known: set[int] = set()
        self.finished: asyncio.Future[ExecutionStatus | None] | None = None
        """Set by who waits here for the end; resolved when it is committed, with None when the lease goes."""

    # What can happen

    def take_up(self, words: list[Word]) -> None:
        """Claimed: begin, or take over from where the rows stand; and obey what waits in the inbox.

        What has not begun must see a word to pause before it does; what has begun must know what it has lost
        before a word to resume starts anything.
        """
        items = self._heard(words)
        self._inbox.extend(items if self.flow.started_at is None else ())
        self._inbox.append(partial(self._go_on, self.flow.started_at is not None))
        self._inbox.extend(items if self.flow.started_at is not None else ())
        self._next()

    def begin_stored(self, transition: Transition, stored: Callable[[bool], None]) -> None:
        """Begin an execution whose very row is written with its first transition."""
        plan = Plan(self.host.clock.now())
        advance.begin(self.flow, plan)
        more = advance.settle(self.flow, plan)
        transitions.extend_created(transition, self.flow, plan, self.lease)
        self._step = Step(plan, transition, more)

        def written(answer: bool | Exception) -> None:
            stored(answer is True)
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

    def hear(self, words: list[Word]) -> None:
        """What waits in the inbox; each word is taken once."""
        self._inbox.extend(self._heard(words))
        self._next()

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
        self._leave(None)

    # One step

    def _next(self) -> None:
        """The next step, unless one is on its way."""
        if self.over or self._step is not None or self._reloading is not None:
            return
        try:
            if self._transactions:
                self._begin_transaction(*self._transactions.popleft())
            elif self._inbox:
                self._take_step()
        except Exception as error:
            self._break(error)

    def _break(self, error: Exception) -> None:
        """A mistake in a step must not keep the lease for ever."""
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
        release = False if more or plan.launch else self._release_at()
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
        if self.over or step is None:
            return
        try:
            if written is True:
                self._committed(step)
            elif written is False:
                log.info("execution %s: the lease is lost", self.flow.execution_id)
                self.abandon()
            else:
                self._refused(step, written)
        except Exception as error:
            self._break(error)

    def _committed(self, step: Step) -> None:
        self._refusals = 0
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
        ended = self.flow.status.is_terminal
        if ended:
            telemetry.ended(self.flow.execution_id)
        self._leave(self.flow.status if ended else None)

    def _leave(self, status: ExecutionStatus | None) -> None:
        """Nobody may wait for a driver that is over."""
        for _, _, rows in self._transactions:
            answer(rows, None)
        self._transactions.clear()
        if self.finished is not None and not self.finished.done():
            self.finished.set_result(status)
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

    # What could not be written

    def _refused(self, step: Step, error: Exception) -> None:
        """The nodes whose values cannot be stored fail."""
        log.warning("execution %s: a transition cannot be written: %s", self.flow.execution_id, error)
        failed = Failed("UnstorableValue", " ".join(str(error).split())[:500], retryable=False)
        touched = step.plan.touched.values()
        ended = [
            run.index
            for run in touched
            if run.status is NodeStatus.COMPLETED and run.node.kind == "procedure"
        ]
        self._recover(dict.fromkeys(ended, failed) or {NOBODY: failed})

    def _recover(self, outcomes: Mapping[int, Failed | Lost]) -> None:
        """What is in memory is ahead of the rows: read them again, and let these runs end so."""
        self._refusals += 1
        if self._refusals > MOST_REFUSALS:
            self.host.expel(self, "its rows cannot be written")
            return
        self._reloading = outcomes
        self._cancel_timer()
        self.host.reload(self)

    def recovered(self, flow: Flow, lease: Lease, words: list[Word]) -> None:
        """The rows as they stand, under the same lease: go on from there."""
        outcomes, self._reloading = self._reloading or {}, None
        self.flow, self.lease = flow, lease
        self._commands, self._known = [], set()
        self._inbox.appendleft(lambda plan: follow(self.flow, plan))
        self._inbox.append(partial(self._account_for, outcomes))
        self.hear(words)

    def _account_for(self, outcomes: Mapping[int, Failed | Lost], plan: Plan) -> None:
        """What the rows say is in flight and is not: it ended in the step that was not written."""
        gone = Lost("its end could not be written", counts=False)
        unclear = [
            run for run in self.flow.live_runs() if run.is_in_flight and run.index not in self._attempts
        ]
        for run in unclear:
            outcome = outcomes.get(run.index, gone)
            if isinstance(outcome, Lost):
                advance.lose_one(self.flow, plan, run, outcome, conf.MAX_LOST)
            else:
                self._ended(run.index, outcome, plan)
        blamed = outcomes.get(NOBODY)
        if isinstance(blamed, Failed):
            advance.finish(self.flow, plan, Ending(ExecutionStatus.FAILED, blamed.error))
        advance.start_pending(self.flow, plan)
        self.pass_time(plan)

    # Transactional procedures

    def transaction(self, attempt: Attempt, outcome: Outcome) -> Rows:
        """From the attempt's thread: the rows that it is to write in its own transaction.

        None: it must roll back. Else nothing of this execution is written by others until ``settled``.
        """
        return self.host.desk.ask(self._ask_transaction, attempt, outcome)

    def settled(self, attempt: Attempt, written: bool | Failed | Lost) -> None:
        """From the attempt's thread: its transaction is committed, refused by the guard, or failed."""
        self.host.desk.tell(self._settled, attempt, written)

    def _ask_transaction(self, attempt: Attempt, outcome: Outcome, rows: Rows) -> None:
        if self.over:
            answer(rows, None)
        else:
            self._transactions.append((attempt, outcome, rows))
            self._next()

    def _begin_transaction(self, attempt: Attempt, outcome: Outcome, rows: Rows) -> None:
        """Answers in any case: the thread waits with its transaction open."""
        run = self.flow.runs[attempt.run.index]
        try:
            if self._attempts.get(run.index) is attempt and not run.stopping:
                plan = Plan(self.host.clock.now())
                was = self.flow.status
                self._ended(run.index, outcome, plan)
                self._step = self._decide(plan, was)
            if self._step is not None:
                self._step.attempt = attempt
        finally:
            answer(rows, self._step.transition if self._step else None)
        self._next()

    def _settled(self, attempt: Attempt, written: bool | Failed | Lost) -> None:
        if written is True:
            self.host.journal.announce([self.flow.execution_id])
        if self.over or self._step is None or self._step.attempt is not attempt:
            return
        self._attempts.pop(attempt.run.index, None)
        if isinstance(written, bool):
            self._written(written)
        else:
            self._step = None
            self._recover({attempt.run.index: written})

    # Items

    def _go_on(self, had_begun: bool, plan: Plan) -> None:
        if had_begun or self.flow.started_at is None:
            lost = Lost("its executor went away")
            advance.take_up(self.flow, plan, self.lease.deadline_at, lost, conf.MAX_LOST)

    def _heard(self, words: list[Word]) -> list[Item]:
        new = [word for word in words if word.id not in self._known]
        self._known.update(word.id for word in new)
        return [partial(self._obey, word) for word in new]

    def _lose(self, plan: Plan, lost: Lost) -> None:
        self._drop_attempts()
        advance.lose(self.flow, plan, lost, conf.MAX_LOST)

    def _ended(self, index: int, outcome: Outcome, plan: Plan) -> None:
        advance.ended(self.flow, plan, self.flow.runs[index], outcome, self.host.random)

    def _obey(self, word: Word, plan: Plan) -> None:
        applied = advance.obey(self.flow, plan, word.kind, word.payload, word.actor)
        self.lease.inbox += 1
        outcome = "applied" if applied else "ignored"
        self._commands.append({"x": self.flow.execution_id, "id": word.id, "outcome": outcome})
        if applied and word.payload.get("force"):
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
