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
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from executions import notifications, transitions
from executions.conf import conf
from executions.executor.attempts.attempt import Attempt
from executions.executor.driving.alarm import Alarm
from executions.executor.driving.calling import Call
from executions.executor.driving.host import Host
from executions.executor.driving.in_flight import Attempts, Calling
from executions.executor.driving.transacting import Transactions
from executions.flow import advance, waits
from executions.flow.outcomes import Failed, Lost, Outcome
from executions.flow.plan import Plan, Word
from executions.flow.state import Ending, Flow, Run
from executions.states import ExecutionStatus, NodeStatus
from executions.transitions import Lease, Row, Transition
from executions.vault.stored import opened_word

log = logging.getLogger("c4c.executor")

Item = Callable[[Plan], None]

HOLD = timedelta(seconds=1)
"""A wait shorter than this stays with its executor: giving the lease back would cost more than it frees."""
FOR_RUNS = frozenset({"signal", "decide", "event", "child"})
"""Words for a run that waits; the others are for the execution as a whole."""
NOBODY = -1
"""The run to blame where it is none: the execution itself fails."""
MOST_REFUSALS = 3
"""Steps in a row that could not be written, before the execution is given up here."""


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

    calls: type[Attempt] = Attempt
    """What calls user code; a simulated executor has its own."""

    def __init__(self, host: Host, flow: Flow, lease: Lease, trace_id: str) -> None:
        self.host = host
        self.flow = flow
        flow.serves = host.serves
        self.lease = lease
        self.trace_id = trace_id
        self.over = False
        self._inbox: deque[Item] = deque()
        self._commands: list[Row] = []
        self._attempts = Attempts(self._calling)
        self.transactions = Transactions(self, host.desk)
        self._alarm = Alarm(host.loop, host.clock, lambda: self.tell(self.pass_time))
        self._step: Step | None = None
        self._told_first = False
        """What has come in goes before the next transaction: it may be what its procedure has told."""
        self._reloading: Mapping[int, Failed | Lost] | None = None
        self._refusals = 0
        self._known: set[int] = set()
        self.listening: set[int] = set()
        """Runs that wait for an event, and for the look back at what was emitted before they did."""
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
        self.listening.update(run.index for run in plan.listen)
        transitions.extend_created(transition, self.flow, plan, self.lease)
        self._step = Step(plan, transition, more)

        def written(answer: bool | Exception) -> None:
            stored(answer is True)
            self._written(answer is True)
            if answer is True:
                # What it came to may be a long wait: park it.
                self.tell(_look)

        self.host.journal.submit(transition, written)

    def ended(self, index: int, outcome: Outcome | Lost) -> None:
        """An attempt has ended, or what it ran in was killed by somebody else."""
        self._attempts.ended(index)
        self.tell(lambda plan: self._ended(index, outcome, plan))

    def progress(self, index: int, data: dict[str, Any]) -> None:
        self.tell(lambda plan: advance.progress(self.flow, plan, index, data))

    def beat(self, index: int, details: Any) -> None:
        """User code tells where it stands: its next attempt is to know."""
        self.tell(lambda plan: advance.beat(self.flow, plan, index, details))

    def looked_back(self, found: list[Word]) -> None:
        """What had been emitted before the runs that listen began to wait."""
        self.listening.clear()
        self._inbox.extend(partial(self._take_event, word) for word in found)
        self.tell(_look)

    def listeners(self) -> list[Row]:
        """What its runs listen for: ``{run, name, key, after, since}``."""
        since = transitions.epoch(self.flow.started_at)
        return [
            {"run": index, "since": since, **waits.listens(self.flow, self.flow.runs[index])}
            for index in sorted(self.listening)
        ]

    def hear(self, words: list[Word]) -> None:
        """What waits in the inbox; each word is taken once."""
        self._inbox.extend(self._heard(words))
        self._next()

    def surrender(self, reason: str) -> None:
        """The executor stops: what is in flight is lost, without blame, and the lease given back."""
        self._attempts.flush()
        self.tell(lambda plan: self._lose(plan, Lost(reason, counts=False)))

    def tell(self, item: Item) -> None:
        self._inbox.append(item)
        self._next()

    def abandon(self) -> None:
        """The lease is lost: stop everything, write nothing."""
        self.over = True
        self._alarm.cancel()
        self._attempts.drop()
        self._leave(None)

    # One step

    def _next(self) -> None:
        """The next step, unless one is on its way."""
        if self.over or self._step is not None or self._reloading is not None:
            return
        try:
            if self._inbox and (self._told_first or not self.transactions):
                self._told_first = False
                self._take_step()
            if self.transactions and self._step is None:
                self.transactions.begin_next()
                self._next()
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
        self.listening.update(run.index for run in plan.listen)
        release = False if more or plan.launch else self._release_at()
        if not (plan.facts or plan.touched or self._commands or release is not False):
            self._act(plan)
            return None
        transition = transitions.build(self.flow, plan, self.lease, was, release=release)
        transition.commands += self._commands
        self._commands = []
        away = self.flow.goes_on_elsewhere() if release is not False else None
        if away is not None and transition.moved is not None:
            transition.moved["queue"] = away.node.queue
        return Step(plan, transition, more)

    def _release_at(self) -> datetime | bool:
        """When to be looked at again, if the lease can be given back: False, it cannot."""
        flow = self.flow
        if self.listening or flow.status.is_terminal:
            return False
        if flow.status is ExecutionStatus.PAUSED or (flow.status is ExecutionStatus.QUEUED and flow.gated):
            return True
        # Not whether there are attempts: one is still there as its transaction writes its node's end.
        is_busy = bool(self._attempts) and any(run.is_in_flight for run in flow.live_runs())
        away = None if is_busy else flow.goes_on_elsewhere()
        if away is not None or (self.host.stopping and not is_busy):
            later = None if away is None or self.host.stopping else away.available_at
            return later or self.host.clock.now()
        may_rest = flow.status is ExecutionStatus.WAITING or flow.ending is not None
        if may_rest and not any(run.is_in_flight for run in flow.live_runs()):
            due = self._due()
            if due is None:
                return True
            if due - self.host.clock.now() > HOLD:
                return due
        return False

    def _due(self) -> datetime | None:
        """When the next run is to be moved on; None where nothing is to start by itself."""
        moments = [run.available_at for run in self.flow.timed_runs() if run.available_at is not None]
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
        self._pass_on(step)
        moved = step.transition.moved
        if self.flow.status.is_terminal or (moved is not None and moved["release"]):
            self._finish()
            return
        self._act(step.plan)
        if step.more:
            self._inbox.append(lambda plan: plan.carry_on(step.plan))
        self._next()

    def _pass_on(self, step: Step) -> None:
        """What the step has for others, and what it asks of the past."""
        if step.transition.letters:
            self.host.posted()
        if step.transition.children:
            born = [child.execution_id for child in step.transition.children]
            self.host.born(born)
            notifications.wake(born)
        if step.plan.listen:
            self.host.listen(self)

    def _finish(self) -> None:
        self.over = True
        self._alarm.cancel()
        self._attempts.drop()
        ended = self.flow.status.is_terminal
        if ended:
            self.host.ended(self.flow.execution_id)
        self._leave(self.flow.status if ended else None)

    def _leave(self, status: ExecutionStatus | None) -> None:
        """Nobody may wait for a driver that is over."""
        self.transactions.refuse()
        if self.finished is not None and not self.finished.done():
            self.finished.set_result(status)
        self.host.let_go(self)

    def _act(self, plan: Plan) -> None:
        if self.host.stopping and plan.launch:
            self.surrender("the executor was stopped")
            return
        for run in plan.launch:
            if run.is_in_flight:
                self._attempts.start(run)
        for run in plan.stop:
            self._attempts.stop(run)
        self._alarm.set([self._due(), None if self.flow.ending else self.lease.deadline_at])

    def _calling(self, run: Run) -> Calling:
        return Call(self, run) if run.node.kind == "subworkflow" else self.calls(self, run)

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
        self._alarm.cancel()
        self.host.reload(self)

    def recovered(self, flow: Flow, lease: Lease, words: list[Word]) -> None:
        """The rows as they stand, under the same lease: go on from there."""
        outcomes, self._reloading = self._reloading or {}, None
        self.flow, self.lease = flow, lease
        flow.serves = self.host.serves
        if flow.status.is_terminal:  # its end was written, only nobody was told
            self._finish()
            return
        self._commands, self._known = [], set()
        self.listening.clear()
        self._inbox.appendleft(lambda plan: advance.mend(self.flow, plan))
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

    def transaction_asked(self, attempt: Attempt) -> None:
        """What its procedure has told goes into the log before its end does."""
        attempt.flush()
        self._told_first = bool(self._inbox)
        self._next()

    def transact(self, attempt: Attempt, outcome: Outcome) -> Transition | None:
        """The step that this end makes; it is on its way until it is settled. None: it is not to be."""
        run = self.flow.runs[attempt.run.index]
        if self._attempts.of(run.index) is not attempt or run.stopping:
            return None
        plan = Plan(self.host.clock.now())
        was = self.flow.status
        self._ended(run.index, outcome, plan)
        self._step = self._decide(plan, was)
        if self._step is None:
            return None
        self._step.attempt = attempt
        return self._step.transition

    def settled(self, attempt: Attempt, written: bool | Failed | Lost) -> None:
        if written is True:
            self.host.journal.announce([self.flow.execution_id])
        if self.over or self._step is None or self._step.attempt is not attempt:
            return
        self._attempts.ended(attempt.run.index)
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
        self._attempts.drop()
        advance.lose(self.flow, plan, lost, conf.MAX_LOST)

    def _ended(self, index: int, outcome: Outcome | Lost, plan: Plan) -> None:
        run = self.flow.runs[index]
        if isinstance(outcome, Lost):
            advance.lose_one(self.flow, plan, run, outcome, conf.MAX_LOST)
            advance.start_pending(self.flow, plan)
        else:
            advance.ended(self.flow, plan, run, outcome, self.host.random)

    def _obey(self, word: Word, plan: Plan) -> None:
        """What is kept stays in the inbox as it is, for whoever holds the execution by then."""
        word = word._replace(payload=opened_word(word.payload, self.flow.secrets))
        if word.kind in FOR_RUNS:
            applied = advance.hear(self.flow, plan, word, self.host.random)
        else:
            applied = advance.obey(self.flow, plan, word.kind, word.payload, word.actor)
        self.lease.inbox += 1
        if applied is not None:
            outcome = "applied" if applied else "ignored"
            self._commands.append({"x": self.flow.execution_id, "id": word.id, "outcome": outcome})

    def _take_event(self, word: Word, plan: Plan) -> None:
        word = word._replace(payload=opened_word(word.payload, self.flow.secrets))
        advance.hear(self.flow, plan, word, self.host.random)

    def pass_time(self, plan: Plan) -> None:
        """Whatever is due by now."""
        advance.expire(self.flow, plan, self.lease.deadline_at)
        advance.due(self.flow, plan)
