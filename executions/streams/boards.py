"""Rows and stats of the list, computed once for all who look at the same filter."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from time import monotonic

from executions import queries
from executions.conf import conf
from executions.queries import Filters
from executions.streams.frames import dumps, encode, milliseconds
from executions.streams.readers import Urgency, readers

STALE = 5.0
"""Seconds after which a board is computed again although nothing told of a change."""
logger = logging.getLogger("c4c.streams")


class Board:
    """The newest rows under one filter, with the stats; computed in windows, at once after a quiet time."""

    def __init__(self, filters: Filters) -> None:
        self.version = 0
        self.bells: set[asyncio.Event] = set()
        self._filters = filters
        self._body = ""
        self._wire = b""
        self._computed_at = 0.0
        self._changed = asyncio.Event()
        self._asked = asyncio.Event()
        self._asking: list[asyncio.Future[None]] = []
        self._task = asyncio.get_running_loop().create_task(self._run())

    @property
    def update(self) -> bytes:
        return self._wire

    async def initial(self) -> bytes:
        """As it stands now, not as it was computed some time ago."""
        computed = asyncio.get_running_loop().create_future()
        self._asking.append(computed)
        self._asked.set()
        self._changed.set()
        await computed
        return self._wire.replace(b"executions.update", b"executions.initial", 1)

    def change(self, *, certain: bool) -> None:
        if certain or monotonic() - self._computed_at > STALE:
            self._changed.set()

    def close(self) -> None:
        self._task.cancel()

    async def _run(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            self._asked.clear()
            asking, self._asking = self._asking, []
            began = monotonic()
            try:
                self._show(await readers.run(Urgency.BOARD, _body, self._filters))
                _answer(asking)
            except Exception as error:
                logger.warning("the list cannot be read, trying again: %r", error)
                self._changed.set()
                _answer(asking, error)
                await asyncio.sleep(conf.STREAM_SWEEP_SECONDS)
            await self._rest(max(conf.STREAM_WINDOW_SECONDS, 3 * (monotonic() - began)))

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._asked.wait()

    def _show(self, body: str) -> None:
        self._computed_at = monotonic()
        if body != self._body:
            self._body = body
            self.version += 1
            for bell in self.bells:
                bell.set()
        data = f'{body[:-1]},"timestamp":{milliseconds()}}}'
        self._wire = encode("executions.update", data)


class Boards:
    """The boards that somebody looks at."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._boards: dict[Filters, Board] = {}

    @property
    def are_seen(self) -> bool:
        return bool(self._boards)

    @contextmanager
    def seen_by(self, filters: Filters, bell: asyncio.Event) -> Iterator[Board]:
        board = self._boards.get(filters) or Board(filters)
        self._boards[filters] = board
        board.bells.add(bell)
        self._wake()
        try:
            yield board
        finally:
            board.bells.discard(bell)
            if not board.bells:
                board.close()
                del self._boards[filters]

    def changed(self, *, certain: bool) -> None:
        for board in self._boards.values():
            board.change(certain=certain)


def _body(filters: Filters) -> str:
    rows, _ = queries.execution_rows(filters, limit=conf.PAGE_SIZE)
    return dumps({"executions": rows, "stats": queries.stats()})


def _answer(asking: list[asyncio.Future[None]], error: Exception | None = None) -> None:
    for computed in asking:
        if not computed.done():
            computed.set_result(None) if error is None else computed.set_exception(error)
