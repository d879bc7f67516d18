"""What a server said about when to come again: ``Retry-After``, wherever an exception carries it."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import Any

MOST_CAUSES = 5
"""Exceptions that were raised from one another, looked at from the outside in."""


def retry_after_of(error: BaseException, longest: float) -> float | None:
    """Seconds, at most ``longest``; None: nothing is said.

    Known by its shape alone: the exception, or its ``response``, has ``headers`` (httpx, requests, aiohttp,
    urllib). A library's own error that was raised from such a one counts as well.
    """
    at: BaseException | None = error
    for _ in range(MOST_CAUSES):
        if at is None:
            break
        try:
            told = _header(at)
        except Exception:  # any library's properties may do anything
            told = None
        if told is not None and (seconds := _seconds(told)) is not None:
            return min(longest, max(0.0, seconds))
        at = at.__cause__
    return None


def _header(error: BaseException) -> str | None:
    for holder in (getattr(error, "response", None), error):
        headers: Any = getattr(holder, "headers", None)
        get = getattr(headers, "get", None)
        if callable(get):
            told = get("Retry-After") or get("retry-after")
            if isinstance(told, str):
                return told.strip()
    return None


def _seconds(told: str) -> float | None:
    """From a number of seconds or an HTTP date; None: it is neither."""
    if told.isascii() and told.isdigit():
        return float(told[:12])
    try:
        return parsedate_to_datetime(told).timestamp() - time.time()
    except (TypeError, ValueError, OverflowError):
        return None
