"""Times as the contract tells them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


def iso(moment: datetime) -> str:
    """ISO 8601 with milliseconds and ``Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def milliseconds(start: datetime, end: datetime) -> int:
    """From ``start`` to ``end``, never negative: two machines' clocks may disagree."""
    return max(0, (end - start) // timedelta(milliseconds=1))
