"""Words and small drawings for templates: statuses, times, durations, JSON."""

from __future__ import annotations

import json
from collections.abc import Container
from datetime import UTC, datetime
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from executions.ui import tape as tapes
from executions.ui import vocabulary

register = template.Library()

LONGEST_JSON = 64 * 1024
NOTHING = "\N{EN DASH}"


@register.simple_tag
def status(name: str) -> SafeString:
    """Icon and word, in the status's colour."""
    return format_html(
        '<span class="status" data-status="{}">{}<span data-word>{}</span></span>',
        name,
        icon(name),
        vocabulary.word(name),
    )


@register.simple_tag
def icon(name: str) -> SafeString:
    return format_html('<svg class="icon" aria-hidden="true"><use href="#i-{}"/></svg>', name)


@register.simple_tag
def reason(name: str) -> SafeString:
    """The icon of what is waited for."""
    return icon(f"for-{name}")


@register.filter
def awaited(name: str) -> str:
    """What is waited for, after *waits for*."""
    return vocabulary.REASONS.get(name, name)


@register.filter
def has(known: Container[str], name: str) -> bool:
    return name in known


@register.filter
def policy(found: Any) -> str:
    """A retry policy or timeouts as they are written, in one line: ``maxAttempts 3, backoff 2``."""
    if not isinstance(found, dict):
        return told(found)
    return ", ".join(f"{name} {told(value)}" for name, value in found.items())


@register.simple_tag
def tape(statuses: list[str], total: int = 0, most: int = 24) -> SafeString:
    return tapes.draw(statuses, total, most)


@register.filter
def word(name: str) -> str:
    return vocabulary.word(name)


@register.filter
def grouped(count: int) -> str:
    """``12 480``, with a thin space that no line breaks at."""
    return f"{count:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


@register.filter
def plus(value: float, more: float) -> float:
    return value + more


@register.filter
def moment(value: datetime | str | None) -> SafeString | str:
    """A time as ``<time>``; with JavaScript it is told as "2 min ago"."""
    if not value:
        return NOTHING
    at = (datetime.fromisoformat(value) if isinstance(value, str) else value).astimezone(UTC)
    local = timezone.localtime(at)
    shown = f"{local:%H:%M:%S}" if local.date() == timezone.localdate() else f"{local:%d %b %H:%M}"
    title = f"{local:%Y-%m-%d %H:%M:%S} {local.tzname()}"
    return format_html('<time datetime="{}" title="{}" data-ago>{}</time>', iso(at), title, shown)


@register.simple_tag
def clock(value: datetime) -> str:
    """A time of day to the millisecond, for logs."""
    local = timezone.localtime(value)
    return f"{local:%H:%M:%S}.{local.microsecond // 1000:03d}"


@register.simple_tag
def ran(start: datetime | str | None, end: datetime | str | None = None) -> SafeString | str:
    """How long from ``start`` to ``end``; without an end it ticks."""
    began, ended = (
        datetime.fromisoformat(at) if isinstance(at, str) and at else at or None for at in (start, end)
    )
    if began is None:
        return NOTHING
    if ended is not None:
        return milliseconds((ended - began).total_seconds() * 1000)
    now = (timezone.now() - began).total_seconds()
    return format_html('<span data-since="{}">{}</span>', iso(began), elapsed(int(max(now, 0))))


@register.filter
def milliseconds(value: float | None) -> str:
    """``412ms``, ``4.12s``, ``12.3s``, then as ``elapsed``."""
    if value is None:
        return NOTHING
    if value < 1000:
        return f"{max(0, round(value))}ms"
    seconds = value / 1000
    if seconds < 60:
        return f"{seconds:.2f}s" if seconds < 10 else f"{seconds:.1f}s"
    return elapsed(int(seconds))


def elapsed(seconds: int) -> str:
    """``42s``, ``4m 02s``, ``3h 07m``, ``2d 4h``; ``c4c.js`` says it the same way."""
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if minutes < 1:
        return f"{seconds}s"
    if hours < 1:
        return f"{minutes}m {seconds % 60:02d}s"
    return f"{hours}h {minutes % 60:02d}m" if days < 1 else f"{days}d {hours % 24}h"


@register.filter
def pretty(value: Any) -> str:
    """A value as indented JSON, cut where a page would suffer."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    return text if len(text) <= LONGEST_JSON else text[:LONGEST_JSON] + "\n…"


@register.filter
def told(value: Any) -> str:
    """A value as a person reads it: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
