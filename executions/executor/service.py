"""The executor: claims what is due, drives it, keeps its leases alive, and stops without losing anything."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
import threading
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from random import Random
from typing import Any

from executions import database, notifications, telemetry
from executions.conf import conf
from executions.executor.attempts.isolation import Processes
from executions.executor.chores import Chores
from executions.executor.claiming.claims import Served
from executions.executor.claiming.loop import Claiming, set_within
from executions.executor.claiming.takeover import admitted
from executions.executor.clock import Clock
from executions.executor.definitions import Definitions
from executions.executor.desk import Desk, answer
from executions.executor.driving.driver import Driver
from executions.executor.heartbeat import Heartbeat
from executions.executor.maintenance import Maintenance
from executions.executor.pulse import Pulse
from executions.executor.threads import Threads
from executions.intake import Start
from executions.journal import Journal

log = logging.getLogger("c4c.executor")

LAST_SECONDS = 0.2
"""For async user code to end after it was cancelled at the very end."""

_running: list[Executor] = []


def running() -> Executor | None:
    """This process's executor, where it has one that takes work."""
    return next((executor for executor in _running if executor.is_accepting), None)


class Executor:
    """Drives up to ``concurrency`` executions at once on an event loop of its own.

    ``run`` blocks until ``stop``; call it in the main thread of a worker or in a thread of its own beside a
    web server. ``queues`` are those that it serves: by default the setting ``QUEUES``, and all where that is
    empty. ``only`` limits it to some executions, by id, whatever their queues. ``patient``: one that finds no
    database waits for it, also at the start.
    """

    def __init__(
        self,
        *,
        concurrency: int | None = None,
        threads: int | None = None,
        queues: Iterable[str] | None = None,
        only: Iterable[str] | None = None,
        patient: bool = False,
    ) -> None:
        self.patient = patient
        self.concurrency = concurrency or conf.EXECUTOR_CONCURRENCY
        self.served = _served(conf.QUEUES if queues is None else queues, only)
        self.id = f"{socket.gethostname()[:40]}:{os.getpid()}:{secrets.token_hex(4)}"
        self.clock = Clock()
        self.random = Random()
        self.stopping = False
        self.drivers: dict[str, Driver] = {}
        self.threads = Threads(threads or conf.THREADS)
        self.processes = Processes(conf.PROCESSES, calls=conf.PROCESS_CALLS, idle=conf.PROCESS_IDLE_SECONDS)
        self.ready = threading.Event()
        """Set when it is registered and claims; also when it could not be: see ``failure``."""
        self.failure: BaseException | None = None
        """What ``run`` has raised."""
        self.loop = asyncio.new_event_loop()
        self.desk = Desk(self.loop)
        self.aside = ThreadPoolExecutor(2, "c4c-aside")
        self._drain_seconds = 0.0
        self.claiming = Claiming(self)
        self._stopped, self._lost, self._room = asyncio.Event(), asyncio.Event(), asyncio.Event()

    @property
    def is_accepting(self) -> bool:
        return self.ready.is_set() and not self.stopping and not self._lost.is_set()

    @property
    def has_room(self) -> bool:
        return self.is_accepting and len(self.drivers) < self.concurrency and self.served.only is None

    def takes(self, start: Start) -> bool:
        """Whether it may begin here at once: it waits in no lane, and its queue is served here."""
        return start.lane is None and self.serves(start.queue)

    def serves(self, queue: str) -> bool:
        """Whether it drives what is of this queue; "": of any."""
        return self.served.queues is None or queue == "" or queue in self.served.queues

    # Life

    def run(self) -> None:
        """Drive executions until told to stop. Raises where the database cannot be reached at the start.

        A patient one does not.
        """
        try:
            asyncio.set_event_loop(self.loop)
            self.loop.run_until_complete(self._main())
        except BaseException as error:
            self.failure = error
            raise
        finally:
            self.stopping = True
            self._end()
            self.ready.set()

    def stop(self, drain: float = 1.0) -> None:
        """Take nothing new, give attempts in flight ``drain`` seconds, hand over the rest. Thread-safe."""
        self._drain_seconds = drain
        self.stopping = True
        self.desk.tell(self._stopped.set)

    def _end(self) -> None:
        """Whatever user code still does, here or in threads, nobody waits for it."""
        try:
            self.loop.run_until_complete(_cancel_all(self.loop))
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        finally:
            asyncio.set_event_loop(None)
            self.loop.close()
            self.desk.close()
            self.threads.close()
            self.processes.close()
            self.aside.shutdown(wait=False)

    async def _main(self) -> None:
        telemetry.install()
        self.definitions = Definitions(self.aside)
        self.journal = Journal(partial(database.aconnect, "c4c-journal"), notifications.changed)
        self.journal.open()
        try:
            while not self.stopping:
                await self._live()
        finally:
            await self.journal.close()

    async def _live(self) -> None:
        """One registration: from the first heartbeat until the stop, or until others took us for dead."""
        heartbeat = await self._registered()
        if heartbeat is None:
            return
        self._lost.clear()
        unsubscribe = notifications.on_wake(lambda ids: self.desk.tell(self.claiming.woken, ids))
        _running.append(self)
        self.ready.set()
        log.info("executor %s: ready, %s executions at once", self.id, self.concurrency)
        try:
            await self._work(heartbeat)
        finally:
            _running.remove(self)
            unsubscribe()
            await self.loop.run_in_executor(self.aside, heartbeat.stop)
            self.id = f"{self.id.rsplit(':', 1)[0]}:{secrets.token_hex(4)}"

    async def _registered(self) -> Heartbeat | None:
        """At first raises where the database cannot be reached, unless it is patient; later waits for it.

        None: told to stop.
        """
        row = {
            "id": self.id,
            "hostname": socket.gethostname(),
            "pid": os.getpid(),
            "concurrency": self.concurrency,
            "queues": self.served.queues if self.served.only is None else [],
        }
        while not self.stopping:
            pulse = Pulse(self.id, self.loop)
            heartbeat = Heartbeat(row, self.clock, pulse, lambda: self.desk.tell(self._lost.set))
            try:
                await self.loop.run_in_executor(self.aside, heartbeat.start)
            except database.UNAVAILABLE as error:
                if not (self.ready.is_set() or self.patient):
                    raise
                log.warning("executor %s: cannot register: %s", self.id, error)
                await set_within(self._stopped, conf.POLL_SECONDS)
            else:
                return heartbeat
        return None

    async def _work(self, heartbeat: Heartbeat) -> None:
        work: list[Coroutine[Any, Any, Any]] = [self.claiming.run(), Maintenance(heartbeat).run()]
        work += [Chores(self.aside).run(), self._stopped.wait(), self._lost.wait()]
        tasks = [asyncio.create_task(each) for each in work]
        try:
            done, _ = await asyncio.wait([*tasks, *self.journal.lanes], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except BaseException:
            self.stopping = True
            raise
        finally:
            await self._hand_over()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _hand_over(self) -> None:
        """Let attempts in flight end for a moment; then give every lease back, or drop what is not ours."""
        if self._lost.is_set():
            log.warning("executor %s: others took it for dead; its executions are theirs now", self.id)
            for driver in list(self.drivers.values()):
                driver.abandon()
            return
        await self._until_empty(self._drain_seconds)
        for driver in list(self.drivers.values()):
            driver.surrender("the executor was stopped")
        await self._until_empty(conf.LEASE_SECONDS)
        if self.drivers:
            log.warning("executor %s: %s executions could not be handed over", self.id, len(self.drivers))
        for driver in list(self.drivers.values()):
            driver.abandon()

    async def _until_empty(self, seconds: float) -> None:
        deadline = self.loop.time() + seconds
        while self.drivers and self.loop.time() < deadline:
            self._room.clear()
            await set_within(self._room, deadline - self.loop.time())

    # What drivers ask of it

    def let_go(self, driver: Driver) -> None:
        if self.drivers.get(driver.flow.execution_id) is driver:
            del self.drivers[driver.flow.execution_id]
        self._room.set()
        self.claiming.let_go(driver)

    def expel(self, driver: Driver, reason: str) -> None:
        self.claiming.expel(driver, reason)

    def reload(self, driver: Driver) -> None:
        self.claiming.reload(driver)

    def listen(self, driver: Driver) -> None:
        self.claiming.listen(driver)

    def ended(self, execution_id: str) -> None:
        telemetry.ended(execution_id)

    def posted(self) -> None:
        self.claiming.posted()

    def born(self, ids: list[str]) -> None:
        self.claiming.born(ids)

    # Starting here

    def admission(self, start: Start) -> Future[bool | None]:
        """Store a new execution that is driven here from its first moment. From any thread.

        True: it is stored. Anything else: it is not, or nobody knows; ``start`` is then for the plain way,
        which looks first.
        """
        return self.desk.ask(
            lambda future: self._admit(start, lambda driver: answer(future, driver is not None))
        )

    async def admit(self, start: Start) -> Driver | None:
        """As ``admission``, on this executor's loop; the driver's ``finished`` tells of the end."""
        admitted: asyncio.Future[Driver | None] = self.loop.create_future()
        self._admit(start, lambda driver: None if admitted.done() else admitted.set_result(driver))
        return await admitted

    def _admit(self, start: Start, answered: Callable[[Driver | None], None]) -> None:
        """None: there is no room, its id or key is taken, or its version is not the newest any more."""
        if not self.has_room or not self.takes(start) or start.execution_id in self.drivers:
            answered(None)
            return
        driver, transition = admitted(self, start)
        driver.finished = self.loop.create_future()
        driver.begin_stored(transition, lambda stored: answered(driver if stored else None))
        self.drivers[start.execution_id] = driver


def _served(queues: Iterable[str], only: Iterable[str] | None) -> Served:
    if only is not None:
        return Served(only=sorted(set(only)))
    return Served(queues=sorted(set(queues)) or None)


async def _cancel_all(loop: asyncio.AbstractEventLoop) -> None:
    """Ask every task to end; user code that does not is left behind."""
    tasks = asyncio.all_tasks(loop) - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=LAST_SECONDS)
