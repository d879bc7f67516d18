"""How the admin words what rows hold."""

from __future__ import annotations

from datetime import datetime
from typing import Any


def duration(start: datetime | None, end: datetime | None) -> str:
    """`1.204 s`; empty for what has not ended."""
    return f"{(end - start).total_seconds():,.3f} s" if start and end else ""


def without_stack(error: dict[str, Any] | None) -> dict[str, Any] | None:
    return error and {key: value for key, value in error.items() if key != "stack"}
