"""Looking for work: what is due, what waits in inboxes, what must be read again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Protocol

from django.db import DatabaseError
from psycopg import AsyncConnection

from executions import database
from executions.conf import conf
from executions.executor import claims
from executions.executor.attempt import readable
from executions.executor.definitions import Definitions
from executions.executor.driver import Driver, Host, Word
from executions.executor.takeover import restored
from executions.flow.state import Flow
from executions.transitions import Lease
from workflows.definition import Definition

log = logging.getLogger("c4c.executor")

SESSION = "SET synchronous_commit = off; SET enable_seqscan = off"
"""A claim that a crash of the database forgets has its first write refused: no need to wait for the disk."""

GIVE_BACK_SECONDS = 10.0
"""Between two looks for what is leased to us and driven by nobody: after a claim whose answer was lost."""


class Claimer(Host, Protocol):
    """What it needs of its executor."""

    id: str
    concurrency: int
    only: frozenset[str] | None
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
        self._give_back_at = self._sweep_at = 0.0
        self._was_full = False

    # What makes it look

    def woken(self, ids: Iterable[str] | None) -> None:
        """Somebody has something for these executions (None: for any)."""
        self._asked.update(self._host.drivers if ids is None else ids)
        self._look.set()

    def let_go(self, driver: Driver) -> None:
        """There may be more than there was room for; or this one is parked, and due before we look again."""
        if self._was_full or not driver.flow.status.is_terminal:
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
        await self._tidy(connection)
        await self._read_inboxes(connection)
        room = self._host.concurrency - len(self._host.drivers)
        self._was_full = room <= 0
        if self._was_full or self._host.stopping:
            return conf.POLL_SECONDS
        found = await claims.claim(connection, self._host.id, room, self._host.only)
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
        if self._host.loop.time() >= self._give_back_at:
            await claims.give_back(connection, self._host.id, self._host.drivers)
            self._give_back_at = self._host.loop.time() + GIVE_BACK_SECONDS

    async def _read_inboxes(self, connection: AsyncConnection) -> None:
        """Of those that we were told of; now and then of all, as a notification may have been lost."""
        if self._host.loop.time() >= self._sweep_at:
            self._asked.update(self._host.drivers)
            self._sweep_at = self._host.loop.time() + conf.POLL_SECONDS
        asked, self._asked = self._asked & self._host.drivers.keys(), set()
        if asked:
            for execution_id, words in (await self._words(connection, asked)).items():
                if execution_id in self._host.drivers:
                    self._host.drivers[execution_id].hear(words)

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
                definition = await self._host.definitions.get(row.version_id)
                rows = runs.get(row.id, [])
                flow, lease = await self._restored(connection, definition, row, rows, words.get(row.id, []))
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
            driver.take_up(words.get(driver.flow.execution_id, []))

    def _hold(self, driver: Driver) -> None:
        """Where we held it before, under an older lease, that one is over."""
        before = self._host.drivers.get(driver.flow.execution_id)
        if before is not None:
            before.abandon()
        self._host.drivers[driver.flow.execution_id] = driver

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


async def set_within(event: asyncio.Event, seconds: float) -> None:
    # Not wait_for: where the event comes together with a cancellation, Python 3.11's forgets the latter.
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
