"""The database's clock, kept by its distance from this machine's."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """One clock for all executors: a machine whose own is wrong must not move a deadline."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def set(self, database: datetime, sent: float, received: float) -> None:
        """``database``'s time was read between ``sent`` and ``received`` (this machine's epoch seconds)."""
        self._ahead = database.timestamp() - (sent + received) / 2

    def now(self) -> datetime:
        return datetime.fromtimestamp(time.time() + self._ahead, UTC)
