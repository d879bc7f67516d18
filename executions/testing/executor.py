"""An executor in virtual time: the real driver on a simulated loop, journal and database."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from datetime import timedelta
from random import Random
from types import SimpleNamespace
from typing import Any

from executions.executor.claiming.takeover import restored
from executions.executor.driving.driver import Driver, Step
from executions.flow.state import Run
from executions.testing.calls import Call, Child
from executions.testing.database import Database
from executions.testing.rows import Rows
from executions.testing.script import Script
from executions.testing.timeline import Timeline
from executions.transitions import Transition
from workflows.definition import Definition

PUT_OFF = timedelta(seconds=30)

Answered = Callable[["bool | Exception"], None]


class VirtualDriver(Driver):
    """The real one; only what it calls is called otherwise, and nobody outside need be woken."""

    def _calling(self, run: Run) -> Any:
        host: Any = self.host
        return host.calling(self, run)

    def _pass_on(self, step: Step) -> None:
        if step.plan.listen:
            self.host.listen(self)


class SimulatedExecutor:
    """What drivers need of their executor, and the claim. One that has crashed drives nothing any more."""

    driver: type[Driver] = VirtualDriver

    def __init__(
        self,
        id: str,
        timeline: Timeline,
        database: Database,
        definitions: Callable[[int], Definition],
        script: Script,
        random: Random,
        callee: Callable[[Driver, Run], Transition],
    ) -> None:
        self.id, self.database, self.script, self.random = id, database, script, random
        self.clock: Any = timeline
        self.loop: Any = timeline
        self.desk: Any = self
        self.journal: Any = self
        self.threads: Any = None
        self.processes: Any = None
        self.stopping = False
        self.drivers: dict[str, Driver] = {}
        self.aside: Any = None
        self._definitions = definitions
        self.callee = callee
        """Makes the rows of the execution that a subworkflow's node asks for; raises what a start refuses."""

    # The claim

    def claim(self, execution_id: str) -> None:
        self.database.claim(execution_id, self.id)
        self.take_up(execution_id)

    def take_up(self, execution_id: str) -> None:
        """Go on with what is leased to it from where the rows stand."""
        rows = self.database.executions[execution_id]
        words = self.database.words(execution_id)
        flow, lease = restored(self._definitions(rows.version), claimed(rows), rows.runs, len(words))
        flow.secrets = self.database.secrets.setdefault(execution_id, flow.secrets)
        held = self.drivers.get(execution_id)
        if held is not None:
            held.abandon()
        driver = self.drivers[execution_id] = self.driver(self, flow, lease, rows.trace_id)
        driver.take_up(words)

    def look(self, execution_id: str) -> None:
        """There may be something in its inbox."""
        driver = self.drivers.get(execution_id)
        words = self.database.words(execution_id)
        if driver is not None and words:
            driver.hear(words)

    def crash(self) -> None:
        """As ``kill -9`` and the lease's end: what it held is free, and what was in flight is lost."""
        for driver in list(self.drivers.values()):
            driver.abandon()
        self.drivers.clear()
        self.database.release(self.id)

    def calling(self, driver: Driver, run: Run) -> Any:
        """What is called for a run: an attempt as drivers know it."""
        return Child(driver, run) if run.node.kind == "subworkflow" else Call(driver, run)

    # What drivers ask of their executor

    def let_go(self, driver: Driver) -> None:
        if self.drivers.get(driver.flow.execution_id) is driver:
            del self.drivers[driver.flow.execution_id]

    def expel(self, driver: Driver, reason: str) -> None:
        raise AssertionError(f"{driver.flow.execution_id} cannot be driven: {reason}")

    def reload(self, driver: Driver) -> None:
        self.loop.call_soon(self._reload, driver)

    def _reload(self, driver: Driver) -> None:
        rows = self.database.executions[driver.flow.execution_id]
        words = self.database.words(rows.id)
        flow, lease = restored(driver.flow.definition, claimed(rows), rows.runs, len(words))
        driver.recovered(flow, lease, words)

    def listen(self, driver: Driver) -> None:
        self.loop.call_soon(self._look_back, driver)

    def ended(self, execution_id: str) -> None:
        """Nobody is told: it is in no database."""

    def posted(self) -> None:
        """Letters are delivered without being asked."""

    def serves(self, queue: str) -> bool:
        return True

    def born(self, ids: list[str]) -> None:
        """They are looked for without being told of."""

    def _look_back(self, driver: Driver) -> None:
        if not driver.over:
            driver.looked_back(self.database.earlier(driver.listeners()))

    # As their journal

    def submit(self, transition: Transition, done: Answered) -> None:
        self.loop.call_soon(self._write, transition, done)

    def announce(self, ids: list[str]) -> None:
        """Nobody listens."""

    def _write(self, transition: Transition, done: Answered) -> None:
        done(self.database.write(transition))

    # As their desk

    def tell(self, callback: Callable[..., None], *values: Any) -> None:
        self.loop.call_soon(callback, *values)

    def ask(self, callback: Callable[..., None], *values: Any) -> Future[Any]:
        future: Future[Any] = Future()
        callback(*values, future)
        return future


def claimed(rows: Rows) -> Any:
    """The row as a claim answers it."""
    created = rows.created
    return SimpleNamespace(
        id=rows.id,
        version_id=rows.version,
        status=rows.status,
        wait_reason=rows.wait_reason,
        input=created["input"],
        last_seq=rows.seq,
        lease_token=rows.token,
        inbox=rows.inbox,
        pause_requested=rows.held,
        started_at=rows.started_at,
        deadline_at=rows.deadline_at,
        trace_id=rows.trace_id,
        retry_of_id=created["retry"],
        rerun_of_id=created["rerun"],
        ending=rows.ending,
        parent_id=created["parent"],
        parent_run=created["parent_run"],
        lane=None,
        admitted_at=None,
    )
