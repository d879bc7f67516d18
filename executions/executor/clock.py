"""The database's clock, kept by its distance from this machine's."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """One clock for all executors: one machine's being wrong, or put right, must not move a deadline."""

    def __init__(self) -> None:
        self._began = time.time() - time.monotonic()
        """The database's time, in epoch seconds, when this machine's monotonic clock stood at 0."""

    def set(self, database: datetime, sent: float, received: float) -> None:
        """``database``'s time was read between ``sent`` and ``received`` of our monotonic clock."""
        self._began = database.timestamp() - (sent + received) / 2

    def now(self) -> datetime:
        return datetime.fromtimestamp(time.monotonic() + self._began, UTC)
