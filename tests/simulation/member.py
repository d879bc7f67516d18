"""An executor of the simulated cluster: it may die or stand still before any of its steps."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from executions.conf import conf
from executions.executor.claiming.takeover import admitted, restored
from executions.executor.driving.driver import Driver
from executions.flow.outcomes import Called, Completed, Failed, Lost, Outcome, Stopped
from executions.flow.state import Run
from executions.intake import Start
from executions.testing.executor import SimulatedExecutor, claimed
from executions.testing.script import Script
from executions.transitions import Transition, path
from tests.executions.graphs import Story, place_of

GIVE_BACK = 10.0
"""Seconds between two looks for what is leased to it and driven by nobody."""
TRANSACTIONAL = "369"
"""How the ids of those nodes end whose procedures write in their node's transaction."""
QUEUES = (("default",), ("default", "heavy"), ("heavy",))
"""Which each of them serves."""
QUICK = 1000
"""A story's times are divided by this."""


class Loop:
    """The executor's own: what it was to do dies with it, and waits while it stands still."""

    def __init__(self, member: Member) -> None:
        self.member = member
        self.timeline = member.cluster.timeline

    def time(self) -> float:
        return self.timeline.time()

    def call_soon(self, callback: Callable[..., None], *values: Any) -> Any:
        return self.timeline.call_soon(self._step, self.member.life, callback, values)

    def call_later(self, seconds: float, callback: Callable[..., None], *values: Any) -> Any:
        return self.timeline.call_later(seconds, self._step, self.member.life, callback, values)

    def _step(self, life: int, callback: Callable[..., None], values: tuple[Any, ...]) -> None:
        member = self.member
        if life != member.life:
            return
        if self.timeline.now() < member.stalled_until:
            self.timeline.call_at(member.stalled_until, lambda: self._step(life, callback, values))
        elif not member.mishap():
            callback(*values)


class SkewedClock:
    """The database's clock, as well as the executor knows it."""

    def __init__(self, now: Callable[[], datetime], skew: timedelta) -> None:
        self._now, self._skew = now, skew

    def now(self) -> datetime:
        return self._now() + self._skew


class SimulatedCall:
    """An attempt as the story has it; what it does is done in a transaction of its own, or not."""

    def __init__(self, driver: Driver, run: Run) -> None:
        self.driver, self.run = driver, run
        self.host: Any = driver.host
        self.story: Story = self.host.cluster.stories[driver.flow.definition.id]
        self.over = False
        self.told_to_stop = False

    def start(self) -> None:
        self.host.cluster.require_committed(self.driver, self.run)
        takes = (
            self.story.microseconds(place_of(self.driver.flow.runs, self.run), self.run.tries) / QUICK / 1e6
        )
        self.host.loop.call_later(takes, self._through)

    def stop(self, grace: float | None = None) -> None:
        self.told_to_stop = True
        self.host.loop.call_later(self.host.weather.span(0.5), self._end, Stopped())

    def abandon(self) -> None:
        self.over = True

    def flush(self) -> None:
        """It has told nothing."""

    def _through(self) -> None:
        if self.over:
            return
        outcome = self._outcome()
        is_transactional = isinstance(outcome, Completed) and self.run.node.id[-1] in TRANSACTIONAL
        if not is_transactional:
            self._end(outcome)
            return
        asked = self.driver.transactions.rows(self, outcome)  # type: ignore[arg-type]
        asked.add_done_callback(lambda done: self.host.loop.call_soon(self._write, done.result()))

    def _write(self, rows: Transition | None) -> None:
        """Its writes and its node's end, in one commit, the answer to which may be lost."""
        if rows is None:
            self._end(Stopped())
            return
        written: bool | Failed | Lost = self.host.cluster.database.write(rows)
        if self.host.weather.happens(self.host.weather.lost_answer, self.host.loop.time()):
            written = Lost("its transaction could not be finished")
        self.over = True
        self.driver.transactions.settled(self, written)  # type: ignore[arg-type]

    def _outcome(self) -> Outcome:
        if self.run.node.kind == "subworkflow":
            made = self.host.callee(self.driver, self.run)
            return Called(made.execution_id, made)
        behaviour = self.story.behaviour(self.run.node.id, path(self.run.frame))
        if self.run.tries >= behaviour.fails:
            return Completed(self.run.arguments["output"])
        if behaviour.how == "Retry":
            return Failed("Retry", "not yet", asked_to_retry=True, retry_after=behaviour.after)
        return Failed(behaviour.how, "as told", retryable=behaviour.how != "Fatal")

    def _end(self, outcome: Outcome) -> None:
        if not self.over:
            self.over = True
            self.driver.ended(self.run.index, outcome)


class Member(SimulatedExecutor):
    def __init__(self, cluster: Any, number: int) -> None:
        self.cluster, self.number = cluster, number
        self.weather = cluster.weather
        self.queues = QUEUES[number % len(QUEUES)]
        self.life = 0
        """Grows with each death: what an earlier life was to do is never done."""
        self.stalled_until: datetime = cluster.timeline.start
        super().__init__(
            f"executor-{number}",
            cluster.timeline,
            cluster.database,
            cluster.shelf.definition,
            Script(),
            cluster.random,
            cluster.called,
        )
        self.loop = Loop(self)
        skew = timedelta(milliseconds=cluster.random.randint(-20, 20))
        self.clock = SkewedClock(cluster.timeline.now, skew)
        self.register()

    # Life and death

    def register(self) -> None:
        self.id = f"executor-{self.number}-{self.life}"
        self.give_back_at = 0.0
        self.beat()
        self.loop.call_soon(self.look_around)

    def beat(self) -> None:
        """Its lease; where others took it for dead, what it held is theirs now."""
        if self.cluster.leases.get(self.id) is None and self.drivers:
            self.cluster.note(f"{self.id} was taken for dead")
            self.drop_all()
            self.life += 1
            self.register()
            return
        self.cluster.leases[self.id] = self.loop.time() + conf.LEASE_SECONDS
        self.loop.call_later(conf.HEARTBEAT_SECONDS, self.beat)

    def mishap(self) -> bool:
        """Instead of its next step it dies; or it stands still first."""
        if self.weather.happens(self.weather.crash, self.loop.time()):
            self.die()
            return True
        if not self.stopping and self.weather.happens(self.weather.stop, self.loop.time()):
            self.loop.call_soon(self.stop)
        if self.weather.happens(self.weather.stall, self.loop.time()):
            span = self.weather.span(2 * conf.LEASE_SECONDS)
            self.stalled_until = self.cluster.timeline.now() + timedelta(seconds=span)
            self.cluster.note(f"{self.id} stands still for {span:.1f} s")
        return False

    def die(self) -> None:
        self.cluster.note(f"{self.id} dies")
        self.life += 1
        self.stopping = False
        self.drop_all()
        self.cluster.timeline.call_later(self.weather.span(3.0), self.register)

    def drop_all(self) -> None:
        for driver in list(self.drivers.values()):
            driver.abandon()
        self.drivers.clear()

    def stop(self) -> None:
        """In good order: what it holds is handed over, then it begins anew."""
        self.cluster.note(f"{self.id} stops")
        self.stopping = True
        for driver in list(self.drivers.values()):
            driver.surrender("the executor was stopped")
        self.loop.call_later(conf.LEASE_SECONDS, self.leave)

    def leave(self) -> None:
        self.stopping = False
        self.life += 1
        self.drop_all()
        self.database.release(self.id)
        self.cluster.leases.pop(self.id, None)
        self.register()

    # Work

    def look_around(self) -> None:
        """Deliver, claim, read inboxes, take back from the dead."""
        self.cluster.reap()
        self.database.deliver(self.weather.random.randint(1, 3))
        for execution_id in list(self.drivers):
            self.look(execution_id)
        if self.loop.time() >= self.give_back_at:
            self.give_back_at = self.loop.time() + GIVE_BACK
            self.give_back()
        if not self.stopping:
            for execution_id in self.database.due(self.serves)[: self.weather.random.randint(1, 4)]:
                self.take(execution_id)
        self.loop.call_later(conf.POLL_SECONDS * self.weather.random.uniform(0.5, 1), self.look_around)

    def begin(self, start: Start) -> None:
        """An execution that begins with the very commit that stores it."""
        driver, transition = admitted(self, start)
        self.drivers[start.execution_id] = driver
        driver.begin_stored(transition, lambda stored: None)

    def take(self, execution_id: str) -> None:
        """The claim is one step, what follows from its answer another; the answer may be lost."""
        rows = self.database.claim(execution_id, self.id)
        token = rows.token
        self.cluster.note(f"{self.id} claims {execution_id}, token {token}")
        if not self.weather.happens(self.weather.lost_answer, self.loop.time()):
            self.loop.call_later(self.weather.span(0.01), self.answered, execution_id, token)

    def answered(self, execution_id: str, token: int) -> None:
        if self.database.executions[execution_id].token == token:
            self.take_up(execution_id)

    def give_back(self) -> None:
        for rows in self.database.executions.values():
            if rows.leased_by == self.id and rows.id not in self.drivers:
                self.cluster.note(f"{self.id} gives back {rows.id}")
                self.database.put_off(rows.id, rows.token, self.cluster.timeline.now())

    # What drivers ask of it

    def serves(self, queue: str) -> bool:
        return queue in ("", *self.queues)

    def calling(self, driver: Driver, run: Run) -> Any:
        return SimulatedCall(driver, run)

    def expel(self, driver: Driver, reason: str) -> None:
        self.cluster.note(f"{self.id} expels {driver.flow.execution_id}: {reason}")
        until = self.cluster.timeline.now() + timedelta(seconds=30)
        self.database.put_off(driver.flow.execution_id, driver.lease.token, until)
        self.cluster.expelled.append(reason)
        driver.abandon()

    def _reload(self, driver: Driver) -> None:
        rows = self.database.executions[driver.flow.execution_id]
        if driver.over or rows.token != driver.lease.token:
            driver.abandon()
            return
        words = self.database.words(rows.id)
        flow, lease = restored(driver.flow.definition, claimed(rows), rows.runs, len(words))
        driver.recovered(flow, lease, words)

    # Its journal: a request is on its way, is committed, is answered

    def submit(self, transition: Transition, done: Callable[[bool | Exception], None]) -> None:
        on_its_way = self.weather.span(0.01)
        life = self.life
        self.cluster.timeline.call_later(on_its_way, self._commit, transition, done, life, False)

    def _commit(
        self, transition: Transition, done: Callable[[bool | Exception], None], life: int, again: bool
    ) -> None:
        """The server commits also for a client that has died meanwhile, if the request had left it."""
        if life != self.life and self.weather.random.random() < 0.5:
            return
        written = again and self._is_written(transition)
        if not written and self.weather.happens(self.weather.refusal, self.loop.time()):
            self._answer(done, life, ValueError("it cannot be stored"))
            return
        store = self.database.create if transition.created else partial(self.database.write, again=again)
        written = written or store(transition)
        if life == self.life and self.weather.happens(self.weather.lost_answer, self.loop.time()):
            wait = self.weather.span(0.5)
            self.cluster.timeline.call_later(wait, self._commit, transition, done, life, True)
        else:
            self._answer(done, life, written)

    def _answer(self, done: Callable[[bool | Exception], None], life: int, written: bool | Exception) -> None:
        if life == self.life:
            self.loop.call_later(self.weather.span(0.01), done, written)

    def _is_written(self, made: Transition) -> bool:
        rows = self.database.executions.get(made.execution_id)
        if rows is None or made.created is not None:
            return rows is not None
        return (rows.token, rows.seq) == (made.token, made.seq) and made.seq > made.expected
