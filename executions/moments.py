"""Times as the contract tells them, cut off in one way: a duration is the difference of its ends."""

from __future__ import annotations

from datetime import UTC, datetime


def ms(at: datetime) -> int:
    """Epoch milliseconds, cut off as ``iso`` cuts them."""
    return int(at.timestamp()) * 1000 + at.microsecond // 1000


def iso(at: datetime) -> str:
    """ISO 8601 with milliseconds and ``Z``."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def elapsed(start: datetime, end: datetime) -> int:
    """Milliseconds from ``start`` to ``end``, never negative: two machines' clocks may disagree."""
    return max(0, ms(end) - ms(start))
