"""The executor: claims what is due, drives it, keeps its leases alive, and stops without losing anything."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
import threading
from collections.abc import Callable, Iterable
from random import Random
from typing import Any

import psycopg
from psycopg import AsyncConnection

from executions import database, notifications, telemetry
from executions.conf import conf
from executions.executor import claims
from executions.executor.clock import Clock
from executions.executor.definitions import Definitions
from executions.executor.driver import Driver
from executions.executor.heartbeat import Heartbeat
from executions.executor.maintenance import Maintenance
from executions.executor.takeover import admitted, restored
from executions.executor.threads import Threads
from executions.intake import Start
from executions.journal import Journal

log = logging.getLogger("c4c.executor")

SESSION = "SET synchronous_commit = off; SET enable_seqscan = off"
"""A claim that a crash of the database forgets is one whose token fails its first write: no need to wait for disk."""

GIVE_BACK_SECONDS = 10.0
"""Between two looks for what is leased to us and driven by nobody: a claim whose answer was lost with its connection."""

_running: list[Executor] = []


def running() -> Executor | None:
    """This process's executor, where it has one that takes work."""
    return next((executor for executor in _running if executor.is_accepting), None)


class Executor:
    """Drives up to ``concurrency`` executions at once on an event loop of its own.

    ``run`` blocks until ``stop``; call it in the main thread of a worker or in a thread of its own beside a web
    server. ``only`` limits it to some executions, by id.
    """

    def __init__(
        self,
        *,
        concurrency: int | None = None,
        threads: int | None = None,
        only: Iterable[str] | None = None,
    ) -> None:
        self.concurrency = concurrency or conf.EXECUTOR_CONCURRENCY
        self.only = None if only is None else frozenset(only)
        self.id = f"{socket.gethostname()[:40]}:{os.getpid()}:{secrets.token_hex(4)}"
        self.clock = Clock()
        self.random = Random()
        self.stopping = False
        self.drivers: dict[str, Driver] = {}
        self.threads = Threads(threads or conf.THREADS)
        self.ready = threading.Event()
        """Set when it is registered and claims; also when it could not be."""
        self.loop = asyncio.new_event_loop()
        self._drain_seconds = 0.0
        self._stopped, self._look = asyncio.Event(), asyncio.Event()
        self._room, self._lost = asyncio.Event(), asyncio.Event()
        self._asked: set[str] = set()
        self._give_back_at = 0.0

    @property
    def is_accepting(self) -> bool:
        return self.ready.is_set() and not self.stopping

    # Life

    def run(self) -> None:
        """Drive executions until told to stop. Raises where the database cannot be reached at the start."""
        try:
            with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
                runner.run(self._main())
        finally:
            self.stopping = True
            self.ready.set()
            self.threads.close()

    def stop(self, drain: float = 1.0) -> None:
        """Take nothing new, give attempts in flight ``drain`` seconds, hand the rest over. From any thread."""
        self._drain_seconds = drain
        self.stopping = True
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self._stopped.set)

    async def _main(self) -> None:
        telemetry.install()
        self.definitions = Definitions()
        self.journal = Journal(lambda: database.aconnect("c4c-journal"), notifications.changed)
        self.journal.open()
        try:
            while not self.stopping:
                await self._live()
        finally:
            await self.journal.close()

    async def _live(self) -> None:
        """One registration: from the first heartbeat until the stop, or until others took us for dead."""
        self._lost.clear()
        row = {"id": self.id, "hostname": socket.gethostname(), "pid": os.getpid(), "concurrency": self.concurrency}
        heartbeat = Heartbeat(row, self.clock, lambda: self.loop.call_soon_threadsafe(self._lost.set))
        await self.loop.run_in_executor(None, heartbeat.start)
        unsubscribe = notifications.on_wake(lambda ids: self.loop.call_soon_threadsafe(self._woken, ids))
        _running.append(self)
        self.ready.set()
        log.info("executor %s: ready, %s executions at once", self.id, self.concurrency)
        try:
            await self._work()
        finally:
            _running.remove(self)
            unsubscribe()
            await self._hand_over()
            await self.loop.run_in_executor(None, heartbeat.stop)
            self.id = f"{self.id.rsplit(':', 1)[0]}:{secrets.token_hex(4)}"

    async def _work(self) -> None:
        tasks = [asyncio.create_task(self._claim_forever(), name="claim")]
        tasks.append(asyncio.create_task(Maintenance(self).run(), name="maintenance"))
        ends = [asyncio.create_task(event.wait()) for event in (self._stopped, self._lost)]
        try:
            done, _ = await asyncio.wait([*tasks, *ends], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (*tasks, *ends):
                task.cancel()
            await asyncio.gather(*tasks, *ends, return_exceptions=True)

    async def _hand_over(self) -> None:
        """Let attempts in flight end for a moment; then give every lease back, or drop what is not ours any more."""
        if self._lost.is_set():
            log.warning("executor %s: others took it for dead; its executions are theirs now", self.id)
            for driver in list(self.drivers.values()):
                driver.abandon()
            return
        deadline = self.loop.time() + self._drain_seconds
        while self.drivers and self.loop.time() < deadline:
            self._room.clear()
            try:
                await asyncio.wait_for(self._room.wait(), deadline - self.loop.time())
            except TimeoutError:
                break
        for driver in list(self.drivers.values()):
            driver.surrender("the executor was stopped")
        try:
            await asyncio.wait_for(self.journal.drain(), conf.LEASE_SECONDS)
        except TimeoutError:
            log.warning("executor %s: the database does not answer; its leases will expire", self.id)

    # Claiming

    def _woken(self, ids: Iterable[str] | None) -> None:
        """Somebody has something for these executions (None: for any)."""
        self._asked.update(self.drivers if ids is None else ids)
        self._look.set()

    async def _claim_forever(self) -> None:
        connection: AsyncConnection | None = None
        while True:
            try:
                if connection is None:
                    connection = await database.aconnect("c4c-claim")
                    await connection.execute(SESSION)
                    self._give_back_at = 0.0
                wait = await self._pass(connection)
            except (psycopg.OperationalError, psycopg.InterfaceError, OSError) as error:
                log.warning("executor %s: cannot claim: %s", self.id, error)
                if connection is not None:
                    await connection.close()
                    connection = None
                wait = conf.POLL_SECONDS
            await self._rest(wait)

    async def _pass(self, connection: AsyncConnection) -> float:
        """Read inboxes, claim what there is room for; answers how long to rest unless woken, in seconds."""
        self._look.clear()
        if self.loop.time() >= self._give_back_at:
            self._give_back_at = self.loop.time() + GIVE_BACK_SECONDS
            await claims.give_back(connection, self.id, list(self.drivers))
        asked, self._asked = self._asked & self.drivers.keys(), set()
        if asked:
            await self._read_commands(connection, list(asked))
        room = self.concurrency - len(self.drivers)
        if room <= 0:
            return conf.POLL_SECONDS
        found = await claims.claim(connection, self.id, room, None if self.only is None else list(self.only))
        if found:
            await self._take_up(connection, found)
            return 0.0
        due = await claims.next_due(connection)
        return conf.POLL_SECONDS if due is None else max(0.0, min(due, conf.POLL_SECONDS))

    async def _rest(self, seconds: float) -> None:
        if seconds:
            try:
                await asyncio.wait_for(self._look.wait(), seconds)
            except TimeoutError:
                # A notification may have been lost: look into every inbox.
                self._asked.update(self.drivers)

    async def _take_up(self, connection: AsyncConnection, found: list[claims.Claimed]) -> None:
        begun = [row.id for row in found if row.status != "queued" or row.retry_of_id or row.rerun_of_id]
        runs = await claims.runs(connection, begun) if begun else {}
        taken = []
        for row in found:
            try:
                taken.append(await self._hold(connection, row, runs.get(row.id, [])))
            except psycopg.Error:
                raise
            except Exception as error:
                log.exception("execution %s cannot be taken up", row.id)
                await claims.put_off(connection, row.id, row.lease_token, f"cannot be taken up: {error}")
        asked = [row.id for row in found if row.inbox]
        if asked:
            await self._read_commands(connection, asked)
        for driver in taken:
            driver.go_on()

    async def _hold(self, connection: AsyncConnection, row: claims.Claimed, runs: list[Any]) -> Driver:
        definition = await self.definitions.get(row.version_id)
        ending = await claims.last_cancel(connection, row.id) if row.status == "cancelling" else None
        driver = Driver(self, *restored(definition, row, runs, ending), row.trace_id)
        self.drivers[row.id] = driver
        return driver

    async def _read_commands(self, connection: AsyncConnection, ids: list[str]) -> None:
        for row in await claims.commands(connection, ids):
            driver = self.drivers.get(row.execution_id)
            if driver is not None:
                driver.command(row.id, row.kind, row.payload, row.actor)

    # What drivers ask of it

    def let_go(self, driver: Driver) -> None:
        if self.drivers.get(driver.flow.execution_id) is driver:
            del self.drivers[driver.flow.execution_id]
        self._room.set()
        self._look.set()

    def look(self, ids: list[str]) -> None:
        self._woken(ids)

    def expel(self, driver: Driver, reason: str) -> None:
        """Give up the lease of an execution that cannot be driven here; it is looked at again later."""
        driver.abandon()
        self.loop.create_task(self._expel(driver.flow.execution_id, driver.lease.token, reason))

    async def _expel(self, execution_id: str, token: int, reason: str) -> None:
        async with await database.aconnect("c4c-expel") as connection:
            await claims.put_off(connection, execution_id, token, reason)

    def reload(self, driver: Driver, then: Callable[[Driver], None]) -> None:
        """Read the execution's rows again, under the same lease, and go on from them."""
        self.loop.create_task(self._reload_or_expel(driver, then))

    async def _reload_or_expel(self, driver: Driver, then: Callable[[Driver], None]) -> None:
        try:
            await self._reload(driver, then)
        except Exception as error:
            log.exception("execution %s cannot be read again", driver.flow.execution_id)
            self.expel(driver, f"cannot be read again: {error}")

    async def _reload(self, driver: Driver, then: Callable[[Driver], None]) -> None:
        async with await database.aconnect("c4c-reload") as connection:
            row = await claims.held(connection, driver.flow.execution_id, driver.lease.token)
            if row is None:
                driver.abandon()
                return
            runs = await claims.runs(connection, [row.id])
            ending = await claims.last_cancel(connection, row.id) if row.status == "cancelling" else None
        driver.flow, driver.lease = restored(driver.flow.definition, row, runs[row.id], ending)
        then(driver)

    # Starting here

    async def admit(self, start: Start) -> Driver | None:
        """Store a new execution that is driven here from its first moment; on this executor's loop.

        None: its id or key is taken, or its version is not the newest any more.
        """
        driver, transition = admitted(self, start)
        self.drivers[start.execution_id] = driver
        answer: asyncio.Future[bool] = self.loop.create_future()
        driver.finished = self.loop.create_future()
        driver.begin_stored(transition, answer)
        return driver if await answer else None

    @property
    def has_room(self) -> bool:
        return self.is_accepting and len(self.drivers) < self.concurrency and self.only is None
