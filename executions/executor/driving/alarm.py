"""Waking a driver when something is due."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime

from executions.executor.clock import Clock


class Alarm:
    """Rings once, at the earliest of the moments that it was last set to."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Clock, ring: Callable[[], None]) -> None:
        self._loop, self._clock, self._ring = loop, clock, ring
        self._handle: asyncio.TimerHandle | None = None

    def set(self, moments: Iterable[datetime | None]) -> None:
        self.cancel()
        first = min((moment for moment in moments if moment is not None), default=None)
        if first is not None:
            wait = (first - self._clock.now()).total_seconds()
            self._handle = self._loop.call_later(max(0.0, wait), self._on_time)

    def cancel(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _on_time(self) -> None:
        self._handle = None
        self._ring()
