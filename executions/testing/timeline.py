"""Virtual time: whatever it takes, it takes none of ours."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

MICROSECOND = timedelta(microseconds=1)


@dataclass(slots=True, order=True)
class Handle:
    """Something that is going to happen, unless it is cancelled."""

    at: int
    later: bool
    number: int
    callback: Callable[..., None] = field(compare=False)
    values: tuple[Any, ...] = field(compare=False)
    cancelled: bool = field(default=False, compare=False)

    def cancel(self) -> None:
        self.cancelled = True


class Timeline:
    """What is to happen, in its order: the clock of a simulation, and its event loop.

    Times are whole microseconds since ``start``. What was asked for at once comes before a timer that has run
    out at the same moment.
    """

    def __init__(self, start: datetime) -> None:
        self.start = start
        self._at = 0
        self._handles: list[Handle] = []
        self._numbers = count()

    # As a clock

    def now(self) -> datetime:
        return self.start + self._at * MICROSECOND

    @property
    def elapsed(self) -> timedelta:
        return self._at * MICROSECOND

    # As an event loop, as far as drivers and attempts use one

    def time(self) -> float:
        return self._at / 1e6

    def call_soon(self, callback: Callable[..., None], *values: Any) -> Handle:
        return self._add(self._at, False, callback, values)

    call_soon_threadsafe = call_soon

    def call_later(self, seconds: float, callback: Callable[..., None], *values: Any) -> Handle:
        return self._add(self._at + max(0, round(seconds * 1e6)), True, callback, values)

    def call_at(self, at: datetime, callback: Callable[..., None]) -> Handle:
        return self._add(max(self._at, (at - self.start) // MICROSECOND), True, callback, ())

    # As what makes it pass

    @property
    def next_at(self) -> datetime | None:
        """When something is to happen next; None: nothing is."""
        while self._handles and self._handles[0].cancelled:
            heapq.heappop(self._handles)
        return self.start + self._handles[0].at * MICROSECOND if self._handles else None

    def step(self) -> None:
        """What is to happen next happens."""
        handle = heapq.heappop(self._handles)
        if not handle.cancelled:
            self._at = max(self._at, handle.at)
            handle.callback(*handle.values)

    def advance(self, to: datetime) -> None:
        """Nothing happens until then."""
        self._at = max(self._at, (to - self.start) // MICROSECOND)

    def _add(self, at: int, later: bool, callback: Callable[..., None], values: tuple[Any, ...]) -> Handle:
        handle = Handle(at, later, next(self._numbers), callback, values)
        heapq.heappush(self._handles, handle)
        return handle
