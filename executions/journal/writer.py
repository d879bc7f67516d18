"""Group commit: each lane commits all that has come in since it last looked; alone, at once."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import psycopg
from psycopg import AsyncConnection, errors

from executions.journal.refusals import is_refusal
from executions.journal.statement import AGAIN, LOCKED, SQL, STANDING, parameters
from executions.transitions import Transition

log = logging.getLogger("c4c.journal")

Connect = Callable[[str], Awaitable[AsyncConnection]]
"""Opens a connection and executes the statement on it."""
Done = Callable[["bool | Exception"], None]
"""Called on the loop: True, written; False, the guard refused (the lease is lost); an error, it cannot be."""


@dataclass(slots=True, eq=False)
class Pending:
    """A transition that waits for its answer."""

    transition: Transition
    done: Done
    answered: bool = False
    uncertain: bool = False
    """A connection was lost over it: it may be written already."""
    locked: bool = False
    """Somebody held a lock on its row when it was last tried."""

    def answer(self, written: bool | Exception) -> None:
        self.answered = True
        try:
            self.done(written)
        except Exception:
            # The lane writes for everybody: it must not end with one listener's mistake.
            log.exception("execution %s: its driver failed over an answer", self.transition.execution_id)


LANES = 2
"""While PostgreSQL commits one batch, Python gathers the next."""
BATCH = 400
SESSION = "SET lock_timeout = '500ms'; SET enable_seqscan = off; SET enable_mergejoin = off; SET jit = off"
"""A plan made while the tables were small must not scan them when they have grown; a locked row must not hold
up the batch for long."""
LOCKED_SECONDS = 0.5
"""Until a transition whose row was locked is tried again."""
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 2.0
"""Between two tries to reach the database."""


class Journal:
    """The one writer of transitions of a process. Lives on the executor's loop."""

    def __init__(self, connect: Connect, committed: Callable[[list[str]], None]) -> None:
        self._connect = connect
        self._committed = committed
        self._waiting: deque[Pending] = deque()
        self._resting: list[asyncio.Future[None]] = []
        self._open = 0
        self._idle = asyncio.Event()
        self.lanes: list[asyncio.Task[None]] = []
        """They end only by ``close``, or by a mistake in them: whoever opens the journal watches them."""

    def open(self) -> None:
        self.lanes = [asyncio.create_task(self._lane(), name=f"journal-{n}") for n in range(LANES)]

    def submit(self, transition: Transition, done: Done) -> None:
        self._open += 1
        self._queue(Pending(transition, done))

    def announce(self, ids: list[str]) -> None:
        """Tell the world of a transition that somebody else has committed."""
        self._committed(ids)

    async def drain(self) -> None:
        """Return when everything that was submitted has been answered."""
        while self._open:
            self._idle.clear()
            await self._idle.wait()

    async def close(self) -> None:
        for lane in self.lanes:
            lane.cancel()
        await asyncio.gather(*self.lanes, return_exceptions=True)

    # A lane

    async def _lane(self) -> None:
        connection: AsyncConnection | None = None
        try:
            while True:
                connection = await self._write(connection, await self._take())
        finally:
            await _discard(connection)

    def _queue(self, pending: Pending) -> None:
        self._waiting.append(pending)
        while self._resting:
            rest = self._resting.pop()
            if not rest.done():
                rest.set_result(None)
                return

    async def _take(self) -> list[Pending]:
        while not self._waiting:
            rest: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._resting.append(rest)
            await rest
        return [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]

    async def _write(
        self, connection: AsyncConnection | None, batch: list[Pending]
    ) -> AsyncConnection | None:
        """Write the batch, whatever happens to the connection; answers the connection to go on with."""
        pause = FIRST_PAUSE
        while True:
            try:
                connection = connection or await self._connect(SESSION)
                if any(pending.uncertain for pending in batch):
                    await self._answer_written(connection, batch)
                await self._commit(connection, [pending for pending in batch if not pending.answered])
                return connection
            except (psycopg.Error, OSError) as error:
                log.warning("the journal cannot reach the database: %s", " ".join(str(error).split()))
                await _discard(connection)
                connection = None
            except BaseException:
                await _discard(connection)
                raise
            for pending in batch:
                pending.uncertain = True
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    # A batch

    async def _commit(self, connection: AsyncConnection, batch: list[Pending]) -> None:
        if any(pending.locked for pending in batch):
            batch = await self._without_locked(connection, batch)
        if not batch:
            return
        try:
            moved = await _execute(connection, [pending.transition for pending in batch], _statement(batch))
        except errors.LockNotAvailable:
            await self._commit_around_locks(connection, batch)
        except (psycopg.Error, TypeError, ValueError) as error:
            if not is_refusal(error):
                raise
            await self._commit_apart(connection, batch, error)
        else:
            self._committed(list(moved))
            for pending in batch:
                self._answer(pending, pending.transition.execution_id in moved)

    async def _commit_apart(
        self, connection: AsyncConnection, batch: list[Pending], error: Exception
    ) -> None:
        """Split a batch that cannot be written until the one to blame is alone."""
        if len(batch) == 1:
            self._answer(batch[0], error)
            return
        middle = len(batch) // 2
        await self._commit(connection, batch[:middle])
        await self._commit(connection, batch[middle:])

    async def _commit_around_locks(self, connection: AsyncConnection, batch: list[Pending]) -> None:
        """Whose row somebody has locked waits by itself; the others do not wait with it."""
        free = await self._without_locked(connection, batch)
        if len(free) < len(batch) or len(free) > 1:
            # Where no row is locked, it is a key that another transaction is about to take: look for it.
            middle = len(free) if len(free) < len(batch) else len(free) // 2
            await self._commit(connection, free[:middle])
            await self._commit(connection, free[middle:])
        elif free:
            self._put_aside(free[0])

    async def _without_locked(self, connection: AsyncConnection, batch: list[Pending]) -> list[Pending]:
        ids = [pending.transition.execution_id for pending in batch]
        cursor = await connection.execute(LOCKED, {"ids": ids})
        locked = {row[0] for row in await cursor.fetchall()}
        for pending in batch:
            if pending.transition.execution_id in locked:
                self._put_aside(pending)
        return [pending for pending in batch if pending.transition.execution_id not in locked]

    def _put_aside(self, pending: Pending) -> None:
        pending.locked = True
        asyncio.get_running_loop().call_later(LOCKED_SECONDS, self._queue, pending)

    async def _answer_written(self, connection: AsyncConnection, batch: list[Pending]) -> None:
        """After a commit whose answer was lost: a row at the intended seq under our token is written."""
        cursor = await connection.execute(STANDING, [[each.transition.execution_id for each in batch]])
        standing = {row[0]: row[1:] for row in await cursor.fetchall()}
        for pending in batch:
            found = standing.get(pending.transition.execution_id)
            if found is not None and not pending.answered and _is_written(pending.transition, *found):
                self._committed([pending.transition.execution_id])
                self._answer(pending, True)

    def _answer(self, pending: Pending, written: bool | Exception) -> None:
        self._open -= 1
        if not self._open:
            self._idle.set()
        pending.answer(written)


def _is_written(made: Transition, token: int, seq: int, span: str) -> bool:
    if (token, seq) != (made.token, made.seq):
        return False
    return made.seq > made.expected if made.created is None else made.created["span"] == span


def _statement(batch: list[Pending]) -> str:
    return AGAIN if any(pending.uncertain for pending in batch) else SQL


async def _execute(connection: AsyncConnection, batch: list[Transition], statement: str) -> set[str]:
    cursor = await connection.execute(statement, parameters(batch), prepare=True)
    return {row[0] for row in await cursor.fetchall()}


async def _discard(connection: AsyncConnection | None) -> None:
    if connection is not None:
        await connection.close()
