"""What can be stored: a value that cannot must fail its own node, not the transition that others are in."""

from __future__ import annotations

from typing import Any

import orjson

from procedures.storable import unstorable


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
