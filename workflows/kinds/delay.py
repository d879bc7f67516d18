"""Sleeps: ``config`` is ``{seconds}`` or ``{until}`` (ISO 8601, with a zone); either may be an expression."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workflows.expressions import Template
from workflows.kinds.kind import Kind, given
from workflows.shape import Reading, number, optional, resolved
from workflows.structure import Node

LONGEST = 100 * 366 * 86_400
"""Seconds: a hundred years."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DelayNode(Node):
    """One of them is None."""

    seconds: Template | None
    until: Template | None

    def templates(self) -> Iterator[tuple[str, Template]]:
        if self.seconds is not None:
            yield "/config/seconds", self.seconds
        if self.until is not None:
            yield "/config/until", self.until


def build(common: dict[str, Any], config: dict[str, Any]) -> DelayNode:
    return DelayNode(**common, seconds=config.get("seconds"), until=config.get("until"))


def check(reading: Reading, document: dict[str, Any], config: dict[str, Any], pointer: str) -> None:
    if len(given(document) & {"seconds", "until"}) != 1:
        reading.refuse(f"{pointer}/config", "give either 'seconds' or 'until'")


def seconds(reading: Reading, value: Any, pointer: str) -> Template | None:
    found = resolved(reading, value, pointer)
    if found.is_constant and number(0, LONGEST)(reading, value, pointer) is None:
        return None
    return found


def moment(reading: Reading, value: Any, pointer: str) -> Template | None:
    found = resolved(reading, value, pointer)
    if found.is_constant and not _is_moment(value):
        return reading.refuse(pointer, "expected a time with its zone, such as 2026-01-31T12:00:00Z")
    return found


def _is_moment(value: Any) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except (TypeError, ValueError):
        return False


KIND = Kind(
    name="delay",
    build=build,
    check=check,
    config={"seconds": optional(seconds), "until": optional(moment)},
)
