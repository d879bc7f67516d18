"""Sleeps: ``config`` is ``{seconds}`` or ``{until}`` (ISO 8601, with a zone); either may be an expression."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workflows.expressions import Template
from workflows.kinds.kind import Kind, given
from workflows.shape import Reading, expressed, number, optional
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


def moment(reading: Reading, value: Any, pointer: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        found = None
    if found is None or found.tzinfo is None:
        return reading.refuse(pointer, "expected a time with its zone, such as 2026-01-31T12:00:00Z")
    return found


seconds = expressed(number(0, LONGEST))
"""How long something may take."""

KIND = Kind(
    name="delay",
    build=build,
    check=check,
    config={"seconds": optional(seconds), "until": optional(expressed(moment))},
)
