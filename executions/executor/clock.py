"""The database's clock, kept by its distance from this machine's."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from math import inf

DRIFT = 0.001
"""Seconds by which a reading may become wrong in each second that passes: far more than real clocks do."""


class Clock:
    """One clock for all executors: one machine's being wrong, or put right, must not move a deadline."""

    def __init__(self) -> None:
        self._began = time.time() - time.monotonic()
        """The database's time, in epoch seconds, when this machine's monotonic clock stood at 0."""
        self._read_at = 0.0
        self._doubt = inf

    def set(self, database: datetime, sent: float, received: float) -> None:
        """``database``'s time was read between ``sent`` and ``received`` of our monotonic clock.

        A reading that took long says little: the one before it stands, unless that has become as doubtful.
        """
        doubt = (received - sent) / 2
        if doubt <= self._doubt + DRIFT * (received - self._read_at):
            self._began = database.timestamp() - (sent + received) / 2
            self._read_at, self._doubt = received, doubt

    def now(self) -> datetime:
        return datetime.fromtimestamp(time.monotonic() + self._began, UTC)
