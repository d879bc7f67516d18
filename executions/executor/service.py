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
from contextlib import suppress
from functools import partial
from random import Random
from typing import Any

from django.db import DatabaseError
from psycopg import AsyncConnection

from executions import database, notifications, telemetry
from executions.conf import conf
from executions.executor import claims
from executions.executor.attempt import readable
from executions.executor.clock import Clock
from executions.executor.definitions import Definitions
from executions.executor.desk import Desk, answer
from executions.executor.driver import Driver, Word
from executions.executor.heartbeat import Heartbeat
from executions.executor.maintenance import Maintenance
from executions.executor.takeover import admitted, restored
from executions.executor.threads import Threads
from executions.flow.state import Flow
from executions.intake import Start
from executions.journal import Journal
from executions.transitions import Lease
from workflows.definition import Definition

log = logging.getLogger("c4c.executor")

SESSION = "SET synchronous_commit = off; SET enable_seqscan = off"
"""A claim that a crash of the database forgets has its first write refused: no need to wait for the disk."""

GIVE_BACK_SECONDS = 10.0
"""Between two looks for what is leased to us and driven by nobody: after a claim whose answer was lost."""

LAST_SECONDS = 0.2
"""For async user code to end after it was cancelled at the very end."""

_running: list[Executor] = []


def running() -> Executor | None:
    """This process's executor, where it has one that takes work."""
    return next((executor for executor in _running if executor.is_accepting), None)


class Executor:
    """Drives up to ``concurrency`` executions at once on an event loop of its own.

    ``run`` blocks until ``stop``; call it in the main thread of a worker or in a thread of its own beside a
    web server. ``only`` limits it to some executions, by id.
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
        """Set when it is registered and claims; also when it could not be: see ``failure``."""
        self.failure: BaseException | None = None
        """What ``run`` has raised."""
        self.loop = asyncio.new_event_loop()
        self.desk = Desk(self.loop)
        self._aside = ThreadPoolExecutor(2, "c4c-aside")
        self._drain_seconds = 0.0
        self._stopped, self._look = asyncio.Event(), asyncio.Event()
        self._room, self._lost = asyncio.Event(), asyncio.Event()
        self._asked: set[str] = set()
        self._expelled: list[tuple[str, int, str]] = []
        self._to_reload: list[Driver] = []
        self._give_back_at = self._sweep_at = 0.0
        self._was_full = False

    @property
    def is_accepting(self) -> bool:
        return self.ready.is_set() and not self.stopping and not self._lost.is_set()

    @property
    def has_room(self) -> bool:
        return self.is_accepting and len(self.drivers) < self.concurrency and self.only is None

    # Life

    def run(self) -> None:
        """Drive executions until told to stop. Raises where the database cannot be reached at the start."""
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
            self._aside.shutdown(wait=False)

    async def _main(self) -> None:
        telemetry.install()
        self.definitions = Definitions(self._aside)
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
        unsubscribe = notifications.on_wake(lambda ids: self.desk.tell(self._woken, ids))
        _running.append(self)
        self.ready.set()
        log.info("executor %s: ready, %s executions at once", self.id, self.concurrency)
        try:
            await self._work(heartbeat)
        except BaseException:
            self.stopping = True
            raise
        finally:
            _running.remove(self)
            unsubscribe()
            await self._hand_over()
            await self.loop.run_in_executor(self._aside, heartbeat.stop)
            self.id = f"{self.id.rsplit(':', 1)[0]}:{secrets.token_hex(4)}"

    async def _registered(self) -> Heartbeat | None:
        """At first raises where the database cannot be reached; later waits for it. None: told to stop."""
        self._lost.clear()
        row = {
            "id": self.id,
            "hostname": socket.gethostname(),
            "pid": os.getpid(),
            "concurrency": self.concurrency,
        }
        while not self.stopping:
            heartbeat = Heartbeat(row, self.clock, lambda: self.desk.tell(self._lost.set))
            try:
                await self.loop.run_in_executor(self._aside, heartbeat.start)
            except database.UNAVAILABLE as error:
                if not self.ready.is_set():
                    raise
                log.warning("executor %s: cannot register: %s", self.id, error)
                await _set_within(self._stopped, conf.POLL_SECONDS)
            else:
                return heartbeat
        return None

    async def _work(self, heartbeat: Heartbeat) -> None:
        work: list[Coroutine[Any, Any, Any]] = [self._claim_forever(), Maintenance(heartbeat).run()]
        work += [self._stopped.wait(), self._lost.wait()]
        tasks = [asyncio.create_task(each) for each in work]
        try:
            done, _ = await asyncio.wait([*tasks, *self.journal.lanes], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
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
            await _set_within(self._room, deadline - self.loop.time())

    # Claiming

    def _woken(self, ids: Iterable[str] | None) -> None:
        """Somebody has something for these executions (None: for any)."""
        self._asked.update(self.drivers if ids is None else ids)
        self._look.set()

    async def _claim_forever(self) -> None:
        connection: AsyncConnection | None = None
        try:
            while True:
                try:
                    connection = connection or await self._opened()
                    wait = await self._pass(connection)
                except (*database.UNAVAILABLE, DatabaseError) as error:
                    log.warning("executor %s: cannot claim: %s", self.id, " ".join(str(error).split()))
                    if connection is not None:
                        await connection.close()
                        connection = None
                    wait = conf.POLL_SECONDS
                if wait:
                    await _set_within(self._look, wait)
        finally:
            if connection is not None:
                await connection.close()

    async def _opened(self) -> AsyncConnection:
        connection = await database.aconnect("c4c-claim", SESSION)
        self._give_back_at = self._sweep_at = 0.0
        return connection

    async def _pass(self, connection: AsyncConnection) -> float:
        """Read inboxes, claim what there is room for; answers how long to rest unless woken, in seconds."""
        self._look.clear()
        await self._tidy(connection)
        await self._read_inboxes(connection)
        room = self.concurrency - len(self.drivers)
        self._was_full = room <= 0
        if room <= 0:
            return conf.POLL_SECONDS
        found = await claims.claim(connection, self.id, room, None if self.only is None else list(self.only))
        if found:
            await self._take_up(connection, found)
            return 0.0
        due = await claims.next_due(connection)
        return conf.POLL_SECONDS if due is None else max(0.0, min(due, conf.POLL_SECONDS))

    async def _tidy(self, connection: AsyncConnection) -> None:
        """Give back what cannot be driven here, or is not; read again what is ahead of its rows."""
        while self._expelled:
            execution_id, token, reason = self._expelled[0]
            await claims.put_off(connection, execution_id, token, readable(reason))
            self._expelled.pop(0)
        while self._to_reload:
            await self._reload(connection, self._to_reload[0])
            self._to_reload.pop(0)
        if self.loop.time() >= self._give_back_at:
            await claims.give_back(connection, self.id, self.drivers)
            self._give_back_at = self.loop.time() + GIVE_BACK_SECONDS

    async def _read_inboxes(self, connection: AsyncConnection) -> None:
        """Of those that we were told of; now and then of all, as a notification may have been lost."""
        if self.loop.time() >= self._sweep_at:
            self._asked.update(self.drivers)
            self._sweep_at = self.loop.time() + conf.POLL_SECONDS
        asked, self._asked = self._asked & self.drivers.keys(), set()
        if asked:
            for execution_id, words in (await self._words(connection, asked)).items():
                if execution_id in self.drivers:
                    self.drivers[execution_id].hear(words)

    async def _words(self, connection: AsyncConnection, ids: Iterable[str]) -> dict[str, list[Word]]:
        found: dict[str, list[Word]] = {}
        for row in await claims.commands(connection, list(ids)):
            found.setdefault(row.execution_id, []).append(Word(row.id, row.kind, row.payload, row.actor))
        return found

    async def _take_up(self, connection: AsyncConnection, found: list[claims.Claimed]) -> None:
        """Everything is read before the first begins: where the connection is lost, all are given back."""
        begun = [row.id for row in found if row.status != "queued" or row.retry_of_id or row.rerun_of_id]
        runs = await claims.runs(connection, begun) if begun else {}
        asked = [row.id for row in found if row.inbox]
        words = await self._words(connection, asked) if asked else {}
        taken: list[Driver] = []
        for row in found:
            try:
                definition = await self.definitions.get(row.version_id)
                rows = runs.get(row.id, [])
                flow, lease = await self._restored(connection, definition, row, rows, words.get(row.id, []))
                taken.append(Driver(self, flow, lease, row.trace_id))
            except (*database.UNAVAILABLE, DatabaseError):
                raise
            except Exception as error:
                log.exception("execution %s cannot be taken up", row.id)
                self._expelled.append((row.id, row.lease_token, f"cannot be taken up: {error}"))
        for driver in taken:
            self._hold(driver)
            driver.take_up(words.get(driver.flow.execution_id, []))

    def _hold(self, driver: Driver) -> None:
        """Where we held it before, under an older lease, that one is over."""
        before = self.drivers.get(driver.flow.execution_id)
        if before is not None:
            before.abandon()
        self.drivers[driver.flow.execution_id] = driver

    async def _restored(
        self,
        connection: AsyncConnection,
        definition: Definition,
        row: claims.Claimed,
        runs: list[Any],
        words: list[Word],
    ) -> tuple[Flow, Lease]:
        ending = await claims.last_cancel(connection, row.id) if row.status == "cancelling" else None
        return restored(definition, row, runs, ending, len(words))

    async def _reload(self, connection: AsyncConnection, driver: Driver) -> None:
        flow = driver.flow
        row = await claims.held(connection, flow.execution_id, driver.lease.token)
        if row is None or driver.over:
            driver.abandon()
            return
        runs = (await claims.runs(connection, [row.id]))[row.id]
        words = (await self._words(connection, [row.id])).get(row.id, [])
        try:
            driver.recovered(*await self._restored(connection, flow.definition, row, runs, words), words)
        except database.UNAVAILABLE:
            raise
        except Exception as error:
            log.exception("execution %s cannot be read again", flow.execution_id)
            self.expel(driver, f"cannot be read again: {error}")

    # What drivers ask of it

    def let_go(self, driver: Driver) -> None:
        if self.drivers.get(driver.flow.execution_id) is driver:
            del self.drivers[driver.flow.execution_id]
        self._room.set()
        if self._was_full or not driver.flow.status.is_terminal:
            # There may be more than there was room for; or this one is parked, and due before we look again.
            self._look.set()

    def expel(self, driver: Driver, reason: str) -> None:
        """Give up the lease of an execution that cannot be driven here; it is looked at again later."""
        self._expelled.append((driver.flow.execution_id, driver.lease.token, reason))
        driver.abandon()
        self._look.set()

    def reload(self, driver: Driver) -> None:
        self._to_reload.append(driver)
        self._look.set()

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
        if not self.has_room or start.execution_id in self.drivers:
            answered(None)
            return
        driver, transition = admitted(self, start)
        driver.finished = self.loop.create_future()
        driver.begin_stored(transition, lambda stored: answered(driver if stored else None))
        self.drivers[start.execution_id] = driver


async def _set_within(event: asyncio.Event, seconds: float) -> None:
    # Not wait_for: where the event comes together with a cancellation, Python 3.11's forgets the latter.
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


async def _cancel_all(loop: asyncio.AbstractEventLoop) -> None:
    """Ask every task to end; user code that does not is left behind."""
    tasks = asyncio.all_tasks(loop) - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=LAST_SECONDS)
