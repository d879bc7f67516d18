"""One open stream: its clock, its budget, its place among the others, and what is logged of it."""

from __future__ import annotations

import asyncio
import logging
import random
import threading
import weakref
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from time import monotonic
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connections

from executions.conf import conf
from executions.streams import frames

JITTER = 0.2
logger = logging.getLogger("c4c.streams")


class Connection:
    """``bell`` rings for news, ``closing`` says why the stream must end now, if it must.

    The place that it takes is given back when it ends, or when its body is dropped unread.
    """

    def __init__(self, name: str, user: Any, address: str) -> None:
        self.name, self.user, self.address = name, user, address
        self.who = str(user) if user is not None else "anonymous"
        self.bell = asyncio.Event()
        self.frames = self.bytes = 0
        self.closing = ""
        self._loop = asyncio.get_running_loop()
        self._opened = monotonic()
        self._ends = self._opened + conf.STREAM_MAX_SECONDS * random.uniform(1 - JITTER, 1 + JITTER)
        self._beats = self._opened + conf.STREAM_HEARTBEAT_SECONDS
        self._left = False

    def body(self, source: AsyncGenerator[bytes]) -> AsyncIterator[bytes]:
        """What ``source`` makes, while the connection may go on."""
        _open.enter(self)
        body = self._body(source)
        weakref.finalize(body, self.leave)
        return body

    @property
    def must_end(self) -> bool:
        if not self.closing and monotonic() >= self._ends:
            self.closing = "age"
        if not self.closing and self.bytes >= conf.STREAM_BYTES:
            self.closing = "budget"
        return bool(self.closing)

    @property
    def is_beat_due(self) -> bool:
        return monotonic() >= self._beats

    def beat(self) -> bytes:
        self._beats = monotonic() + conf.STREAM_HEARTBEAT_SECONDS
        return frames.heartbeat()

    async def pause(self) -> None:
        """Until there is news, a heartbeat is due, or the connection must end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, min(self._beats, self._ends) - monotonic())):
                await self.bell.wait()
        self.bell.clear()

    def end(self, reason: str) -> None:
        """From any thread: end it at the next possible place."""
        self.closing = self.closing or reason
        with suppress(RuntimeError):  # the loop is gone, and the stream with it
            self._loop.call_soon_threadsafe(self.bell.set)

    def leave(self) -> None:
        if not self._left:
            self._left = True
            _open.leave(self)

    async def _body(self, source: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
        logger.info("stream %s opened by %s from %s", self.name, self.who, self.address)
        reason = "client left"
        try:
            await sync_to_async(connections.close_all)()  # what middleware may have opened would stay open
            async with aclosing(source):
                async for chunk in source:
                    self.frames += chunk.count(b"\n\n")
                    self.bytes += len(chunk)
                    yield chunk
                    if self.must_end:
                        break
            reason = self.closing or "done"
        except Exception as error:
            reason = f"error: {error!r}"
            logger.warning("stream %s failed", self.name, exc_info=True)
        finally:
            self.leave()
            logger.info(
                "stream %s of %s closed: %s, after %.1f s, %d frames, %d bytes",
                self.name, self.who, reason, monotonic() - self._opened, self.frames, self.bytes,
            )  # fmt: skip


class OpenConnections:
    """All open streams of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: set[Connection] = set()
        self._by_user: Counter[str] = Counter()
        self.refusing = False
        """The process is going down."""

    def __len__(self) -> int:
        return len(self._all)

    def has_room(self, user: Any) -> bool:
        key = str(user) if user is not None else "anonymous"
        return len(self._all) < conf.MAX_STREAMS and self._by_user[key] < conf.MAX_STREAMS_PER_USER

    def enter(self, connection: Connection) -> None:
        with self._lock:
            self._all.add(connection)
            self._by_user[connection.who] += 1

    def leave(self, connection: Connection) -> None:
        with self._lock:
            self._all.discard(connection)
            self._by_user[connection.who] -= 1
            if not self._by_user[connection.who]:
                del self._by_user[connection.who]

    def end_all(self, reason: str) -> int:
        with self._lock:
            ending = list(self._all)
        for connection in ending:
            connection.end(reason)
        return len(ending)


_open = OpenConnections()


def open_connections() -> OpenConnections:
    return _open
