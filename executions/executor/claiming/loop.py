"""Looking for work: what is due, what waits in inboxes, what must be read again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from contextlib import suppress
from math import inf
from typing import Any, Protocol

from django.db import DatabaseError
from psycopg import AsyncConnection

from executions import database, notifications, payloads
from executions.conf import conf
from executions.executor.attempts.attempt import readable
from executions.executor.claiming import admission, claims, courier
from executions.executor.claiming.claims import Served
from executions.executor.claiming.opening import elsewhere
from executions.executor.claiming.takeover import restored
from executions.executor.definitions import Definitions
from executions.executor.driving.driver import Driver
from executions.executor.driving.host import Host
from executions.flow.plan import Word
from executions.states import ExecutionStatus

log = logging.getLogger("c4c.executor")

SESSION = """
SET synchronous_commit = off; SET enable_seqscan = off; SET jit = off;
SET plan_cache_mode = force_generic_plan;
SET default_transaction_isolation = 'read committed'
"""
"""A claim that a crash of the database forgets has its first write refused: no need to wait for the disk.

Its plan is kept: with a hundred thousand rows PostgreSQL would make a new one each time, and that takes
ten times as long as the claim.
"""

GATE_SECONDS = 0.05
"""Between two looks at the gate while there is always something to claim."""
BUSY_SECONDS = 0.01
"""Before another look at a lane that is due, and that another executor is looking at."""
GIVE_BACK_SECONDS = 10.0
"""Between two looks for what is leased to us and driven by nobody: after a claim whose answer was lost."""


class Claimer(Host, Protocol):
    """What it needs of its executor."""

    id: str
    concurrency: int
    served: Served
    drivers: dict[str, Driver]
    definitions: Definitions


class Claiming:
    """One loop on one connection. What is leased and not taken up is given back, at the latest at the end."""

    def __init__(self, host: Claimer) -> None:
        self._host = host
        self._look = asyncio.Event()
        self._asked: set[str] = set()
        self._expelled: list[tuple[str, int, str]] = []
        self._to_reload: list[Driver] = []
        self._listening: list[Driver] = []
        self._has_post = True
        self._gated: set[str] = set()
        self._moved_on: set[str] = set()
        self._give_back_at = self._sweep_at = self._gate_at = 0.0
        self._was_full = False

    # What makes it look

    def woken(self, ids: Iterable[str] | None) -> None:
        """Somebody has something for these executions (None: for any)."""
        self._asked.update(self._host.drivers if ids is None else ids)
        self._has_post = self._has_post or ids is None
        self._look.set()

    def posted(self) -> None:
        """There are letters, or events, to be delivered."""
        self._has_post = True
        self._look.set()

    def born(self, ids: Iterable[str]) -> None:
        """Executions that have been stored from here: some may wait at the gate."""
        self._moved_on.update(ids)
        self._look.set()

    def listen(self, driver: Driver) -> None:
        self._listening.append(driver)
        self._look.set()

    def let_go(self, driver: Driver) -> None:
        """There may be more than there was room for; or this one is parked, and due before we look again."""
        status, execution_id = driver.flow.status, driver.flow.execution_id
        if execution_id in self._gated:
            self._gated.remove(execution_id)
            if status.is_terminal or status is ExecutionStatus.QUEUED:
                self._moved_on.add(execution_id)
        if self._was_full or self._moved_on or not status.is_terminal:
            self._look.set()

    def expel(self, driver: Driver, reason: str) -> None:
        self._expelled.append((driver.flow.execution_id, driver.lease.token, reason))
        driver.abandon()
        self._look.set()

    def reload(self, driver: Driver) -> None:
        self._to_reload.append(driver)
        self._look.set()

    # The loop

    async def run(self) -> None:
        connection: AsyncConnection | None = None
        try:
            while True:
                try:
                    connection = connection or await self._opened()
                    wait = await self._pass(connection)
                except (*database.UNAVAILABLE, DatabaseError) as error:
                    log.warning("executor %s: cannot claim: %s", self._host.id, " ".join(str(error).split()))
                    if connection is not None:
                        await connection.close()
                        connection = None
                    wait = conf.POLL_SECONDS
                if wait:
                    await set_within(self._look, wait)
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
        sweeps = self._host.loop.time() >= self._sweep_at
        await self._tidy(connection)
        await self._deliver(connection)
        await self._read_inboxes(connection)
        await self._tell_gate(connection)
        room = self._host.concurrency - len(self._host.drivers)
        self._was_full = room <= 0
        if self._was_full or self._host.stopping:
            return conf.POLL_SECONDS
        admitted = await self._look_at_gate(connection, room)
        found = await claims.claim(connection, self._host.id, room, self._host.served)
        if sweeps and not found:
            found = await claims.claim_cancelled(connection, self._host.id, room, self._host.served)
        if found:
            await self._take_up(connection, found)
        if found or self._has_post:
            self._gate_at = min(self._gate_at, self._host.loop.time() + GATE_SECONDS)
            return 0.0
        return await self._rest(connection, admitted)

    async def _rest(self, connection: AsyncConnection, admitted: int | None) -> float:
        """Seconds until there is something to do, as far as the database knows. ``admitted``: just now."""
        due, gate = await claims.next_due(connection, self._host.served)
        if gate is not None and gate <= 0:
            self._gate_at, gate = 0.0, BUSY_SECONDS if admitted == 0 else 0.0
        else:
            self._gate_at = inf
        known = [at for at in (due, gate) if at is not None]
        return max(0.0, min([conf.POLL_SECONDS, *known]))

    # The gate

    async def _tell_gate(self, connection: AsyncConnection) -> None:
        """What has ended here may let others through: here at once, or wherever there is room."""
        if self._moved_on:
            told = list(self._moved_on)
            await admission.told(connection, told)
            self._moved_on.difference_update(told)
            self._gate_at = 0.0
            if self._host.stopping or len(self._host.drivers) >= self._host.concurrency:
                notifications.wake(told)

    async def _look_at_gate(self, connection: AsyncConnection, room: int) -> int | None:
        """How many it has let through; None: it was not looked at."""
        if self._host.loop.time() < self._gate_at:
            return None
        self._gate_at = self._host.loop.time() + GATE_SECONDS
        return await admission.admit(connection, self._host.served, room)

    # Inboxes, leases

    async def _tidy(self, connection: AsyncConnection) -> None:
        """Give back what cannot be driven here, or is not; read again what is ahead of its rows."""
        while self._expelled:
            execution_id, token, reason = self._expelled[0]
            await claims.put_off(connection, execution_id, token, readable(reason))
            self._expelled.pop(0)
        while self._to_reload:
            await self._reload(connection, self._to_reload[0])
            self._to_reload.pop(0)
        if self._host.loop.time() >= self._give_back_at:
            await claims.give_back(connection, self._host.id, self._host.drivers)
            self._give_back_at = self._host.loop.time() + GIVE_BACK_SECONDS

    async def _read_inboxes(self, connection: AsyncConnection) -> None:
        """Of those that we were told of; now and then of all, as a notification may have been lost."""
        if self._host.loop.time() >= self._sweep_at:
            self._asked.update(self._host.drivers)
            self._sweep_at = self._host.loop.time() + conf.POLL_SECONDS
            self._has_post = True
        asked, self._asked = self._asked & self._host.drivers.keys(), set()
        if asked:
            for execution_id, words in (await self._words(connection, asked)).items():
                if execution_id in self._host.drivers:
                    self._host.drivers[execution_id].hear(words)

    async def _deliver(self, connection: AsyncConnection) -> None:
        """Letters and events, some at a time; then what was emitted before our own runs began to wait."""
        if self._has_post:
            self._has_post = False
            reached = await courier.letters(connection)
            told, has_more = await courier.events(connection)
            self._has_post = has_more or len(reached) == courier.BATCH
            if reached or told:
                notifications.wake([*reached, *told])
        while self._listening:
            driver = self._listening[0]
            driver.looked_back(await courier.earlier(connection, driver.listeners()))
            self._listening.pop(0)

    async def _words(self, connection: AsyncConnection, ids: Iterable[str]) -> dict[str, list[Word]]:
        found: dict[str, list[Word]] = {}
        for row in await claims.commands(connection, list(ids)):
            found.setdefault(row.execution_id, []).append(Word(row.id, row.kind, row.payload, row.actor))
        return found

    async def _take_up(self, connection: AsyncConnection, found: list[claims.Claimed]) -> None:
        """Everything is read before the first begins: where the connection is lost, all are given back."""
        begun = [row.id for row in found if row.status != "queued" or row.retry_of_id or row.rerun_of_id]
        runs = await claims.runs(connection, begun) if begun else {}
        await self._fetch(found, runs)
        asked = [row.id for row in found if row.inbox]
        words = await self._words(connection, asked) if asked else {}
        gated = {row.id for row in found if row.lane is not None}
        taken: list[Driver] = []
        for row in found:
            try:
                definition = await self._host.definitions.get(row.version_id)
                rows = runs.get(row.id, [])
                flow, lease = restored(definition, row, rows, len(words.get(row.id, [])))
                taken.append(Driver(self._host, flow, lease, row.trace_id))
            except (*database.UNAVAILABLE, DatabaseError):
                raise
            except Exception as error:
                log.exception("execution %s cannot be taken up", row.id)
                self._expelled.append((row.id, row.lease_token, f"cannot be taken up: {error}"))
        if self._host.stopping:
            return
        for driver in taken:
            self._hold(driver)
            self._gated |= {driver.flow.execution_id} & gated
            driver.take_up(words.get(driver.flow.execution_id, []))

    async def _fetch(self, found: list[claims.Claimed], runs: dict[str, list[Any]]) -> None:
        """What lies in files, off the loop."""
        away = elsewhere(found, runs)
        if away:
            await self._host.loop.run_in_executor(self._host.aside, payloads.fetch, away)

    def _hold(self, driver: Driver) -> None:
        """Where we held it before, under an older lease, that one is over."""
        before = self._host.drivers.get(driver.flow.execution_id)
        if before is not None:
            before.abandon()
        self._host.drivers[driver.flow.execution_id] = driver

    async def _reload(self, connection: AsyncConnection, driver: Driver) -> None:
        flow = driver.flow
        row = await claims.held(connection, flow.execution_id, driver.lease.token)
        if row is None or driver.over:
            driver.abandon()
            return
        runs = (await claims.runs(connection, [row.id]))[row.id]
        await self._fetch([row], {row.id: runs})
        words = (await self._words(connection, [row.id])).get(row.id, [])
        try:
            driver.recovered(*restored(flow.definition, row, runs, len(words)), words)
        except database.UNAVAILABLE:
            raise
        except Exception as error:
            log.exception("execution %s cannot be read again", flow.execution_id)
            self.expel(driver, f"cannot be read again: {error}")


async def set_within(event: asyncio.Event, seconds: float) -> None:
    # Not wait_for: where the event comes together with a cancellation, Python 3.11's forgets the latter.
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
