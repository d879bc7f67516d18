"""The log events of all executions, live, read once for all who hear them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from executions.conf import conf
from executions.notifications import Ids
from executions.streams.frames import encode
from executions.streams.log import Head
from executions.streams.tail import Tail


@dataclass(frozen=True, slots=True)
class Heard:
    """One event of some execution, and where that execution stood when it was read."""

    head: Head
    type: str
    wire: bytes


class Feed:
    """The newest events. Who is slower than the ring misses what fell out of it; rows and stats tell all."""

    def __init__(self) -> None:
        self.position = 0
        """How many events have been heard since the process started."""
        self._ring: deque[Heard] = deque()
        self._bells: set[asyncio.Event] = set()
        self._tail = Tail()

    @property
    def is_heard(self) -> bool:
        return bool(self._bells)

    @contextmanager
    def heard_by(self, bell: asyncio.Event) -> Iterator[None]:
        if not self._bells:
            self._tail = Tail()
        self._bells.add(bell)
        try:
            yield
        finally:
            self._bells.discard(bell)

    def start(self) -> None:
        """What is written after this will be heard. Needs a thread, not the loop."""
        self._tail.start()

    def read(self, ids: Ids) -> list[Heard]:
        """Needs a thread, not the loop."""
        return [
            Heard(head, entry.type, encode(entry.type, entry.payload))
            for head, entry in self._tail.brief(ids)
        ]

    def append(self, heard: list[Heard]) -> bool:
        """Whether there was anything."""
        self._ring.extend(heard)
        self.position += len(heard)
        while len(self._ring) > conf.STREAM_BUFFER:
            self._ring.popleft()
        if heard:
            for bell in self._bells:
                bell.set()
        return bool(heard)

    def after(self, position: int) -> list[Heard]:
        """What the ring still holds of the events above ``position``."""
        missed = min(self.position - position, len(self._ring))
        return list(self._ring)[len(self._ring) - missed :] if missed > 0 else []
