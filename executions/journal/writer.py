"""Group commit: each lane commits all that has come in since it last looked; alone, at once."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import psycopg
from psycopg import AsyncConnection, errors

from executions.journal.statement import SQL, STANDING, parameters
from executions.transitions import Transition

log = logging.getLogger("c4c.journal")

Connect = Callable[[], Awaitable[AsyncConnection]]
Done = Callable[["bool | Exception"], None]
"""Called on the loop: True, written; False, the guard refused (the lease is lost); an error, it cannot be written."""


@dataclass(slots=True, eq=False)
class Pending:
    """A transition that waits for its answer."""

    transition: Transition
    done: Done
    answered: bool = False

    def answer(self, written: bool | Exception) -> None:
        self.answered = True
        self.done(written)


LANES = 2
"""While PostgreSQL commits one batch, Python gathers the next."""
BATCH = 400
SESSION = "SET lock_timeout = '2s'; SET enable_seqscan = off; SET enable_mergejoin = off"
"""A plan made while the tables were small must not scan them when they have grown; a locked row must not hold up
the batch for long."""


class Journal:
    """The one writer of transitions of a process. Lives on the executor's loop."""

    def __init__(self, connect: Connect, committed: Callable[[list[str]], None]) -> None:
        self._connect = connect
        self._committed = committed
        self._waiting: deque[Pending] = deque()
        self._arrived = asyncio.Event()
        self._busy = 0
        self._idle = asyncio.Event()
        self._lanes: list[asyncio.Task[None]] = []

    def open(self) -> None:
        self._lanes = [asyncio.create_task(self._lane(), name=f"journal-{n}") for n in range(LANES)]

    def submit(self, transition: Transition, done: Done) -> None:
        self._waiting.append(Pending(transition, done))
        self._arrived.set()

    def announce(self, ids: list[str]) -> None:
        """Tell the world of a transition that somebody else has committed."""
        self._committed(ids)

    async def drain(self) -> None:
        """Return when everything that was submitted has been answered."""
        while self._waiting or self._busy:
            self._idle.clear()
            await self._idle.wait()

    async def close(self) -> None:
        for lane in self._lanes:
            lane.cancel()
        await asyncio.gather(*self._lanes, return_exceptions=True)

    async def _lane(self) -> None:
        connection: AsyncConnection | None = None
        try:
            while True:
                batch = await self._take()
                connection = await self._write(connection, batch)
                self._busy -= len(batch)
                if not self._waiting and not self._busy:
                    self._idle.set()
        finally:
            if connection is not None:
                await connection.close()

    async def _take(self) -> list[Pending]:
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
        batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
        self._busy += len(batch)
        return batch

    async def _write(
        self, connection: AsyncConnection | None, batch: list[Pending]
    ) -> AsyncConnection | None:
        """Write the batch, whatever happens to the connection; answers the connection to go on with."""
        pause = 0.05
        while True:
            try:
                if connection is None:
                    connection = await self._open()
                    await self._answer_written(connection, batch)
                await self._commit(connection, [pending for pending in batch if not pending.answered])
                return connection
            except (psycopg.OperationalError, psycopg.InterfaceError, OSError) as error:
                log.warning("the journal lost its connection: %s", error)
                connection = await _discard(connection)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 2.0)

    async def _open(self) -> AsyncConnection:
        connection = await self._connect()
        await connection.execute(SESSION)
        return connection

    async def _commit(self, connection: AsyncConnection, batch: list[Pending]) -> None:
        if not batch:
            return
        try:
            moved = await _execute(connection, [pending.transition for pending in batch])
        except (errors.DataError, errors.IntegrityError, errors.ProgrammingError, errors.LockNotAvailable) as error:
            await self._commit_apart(connection, batch, error)
            return
        self._committed(list(moved))
        for pending in batch:
            pending.answer(pending.transition.execution_id in moved)

    async def _commit_apart(
        self, connection: AsyncConnection, batch: list[Pending], error: Exception
    ) -> None:
        """Split a batch that cannot be written until the one to blame is alone."""
        if len(batch) > 1:
            middle = len(batch) // 2
            await self._commit(connection, batch[:middle])
            await self._commit(connection, batch[middle:])
        elif isinstance(error, errors.LockNotAvailable):
            self._waiting.append(batch[0])
            self._arrived.set()
        else:
            batch[0].answer(error)

    async def _answer_written(self, connection: AsyncConnection, batch: list[Pending]) -> None:
        """After a commit whose answer was lost: a row already at the intended seq under our token is written."""
        standing = await _standing(connection, [pending.transition.execution_id for pending in batch])
        for pending in batch:
            made = pending.transition
            if not pending.answered and standing.get(made.execution_id) == (made.token, made.seq):
                self._committed([made.execution_id])
                pending.answer(True)


async def _execute(connection: AsyncConnection, batch: list[Transition]) -> set[str]:
    cursor = await connection.execute(SQL, parameters(batch), prepare=True)
    return {row[0] for row in await cursor.fetchall()}


async def _standing(connection: AsyncConnection, ids: list[str]) -> dict[str, tuple[int, int]]:
    cursor = await connection.execute(STANDING, [ids])
    return {row[0]: (row[1], row[2]) for row in await cursor.fetchall()}


async def _discard(connection: AsyncConnection | None) -> None:
    if connection is not None:
        await connection.close()
