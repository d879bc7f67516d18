"""What can be stored: a value that cannot must fail its own node, not the transition that others are in."""

from __future__ import annotations

from typing import Any

import orjson

from procedures.storable import unstorable

LARGEST = 16 << 20
"""Bytes of JSON that a scope, or an execution for its parent, may gather from its nodes."""


def is_too_large(value: Any) -> bool:
    return value is not None and len(orjson.dumps(value)) > LARGEST


def problem(value: Any) -> str | None:
    """What keeps the value out of the database; None where nothing does."""
    found = next(iter(unstorable(value)), None)
    if found is not None:
        return str(found["detail"])
    try:
        orjson.dumps(value)
    except (TypeError, ValueError, RecursionError) as error:
        return f"not JSON: {error}"
    return None
