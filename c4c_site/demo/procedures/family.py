"""What the demo procedures share: how they are declared, and how they tell a time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from procedures import procedure


def demo(name: str, description: str, *tags: str) -> Callable[[Any], Any]:
    """A procedure of category demo or custom, callable from workflows alone."""
    family = name.split(".", 1)[0]
    return procedure(
        name,
        description=description,
        category="custom" if family == "custom" else "demo",
        tags=tags,
        exposure="internal",
        roles=["workflow-node"],
    )


def now() -> str:
    """ISO 8601 with milliseconds and Z."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
