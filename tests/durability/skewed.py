"""A machine whose clock is wrong, as far as the executor in this process can see it."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from executions import intake


def set_clock(seconds: float) -> None:
    """From now on it believes that it is so much later; what is monotonic stays as it is."""
    told = time.time
    time.time = lambda: told() + seconds
    intake.utcnow = lambda: datetime.fromtimestamp(time.time(), UTC)
