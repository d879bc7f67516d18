"""What the demo families share: how they are declared, how they spell fields, numbers and times."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from procedures import procedure

Handler = TypeVar("Handler", bound=Callable[..., object])
EXACT = 2**53
"""Up to here a double tells every integer from its neighbours."""


class Wire(BaseModel):
    """Fields in Python's spelling here, in the wire's there."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, validate_by_alias=True)


def demo(name: str, description: str, *tags: str) -> Callable[[Handler], Handler]:
    """A procedure that only workflows may call."""
    return procedure(
        name,
        description=description,
        category="custom" if name.startswith("custom.") else "demo",
        tags=tags,
        exposure="internal",
        roles=["workflow-node"],
    )


def number(value: float) -> int | float:
    """15 for 15.0, as JavaScript writes its doubles."""
    return int(value) if abs(value) <= EXACT and value == int(value) else value


def now() -> str:
    """ISO 8601 with milliseconds and Z."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
