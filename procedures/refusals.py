"""What pydantic refuses, told as problems with pointers into the value."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

import orjson
from pydantic import ValidationError

from procedures.errors import Problem
from procedures.pointers import problem_at
from procedures.storable import Path

_USUAL = "Input should be "
_NOWHERE = object()


def problems_of(error: ValidationError, value: Any, secrets: Container[object] = ()) -> list[Problem]:
    """One per place. Of a secret field's value nothing is told."""
    told: dict[Path, dict[str, None]] = {}
    for item in error.errors(include_url=False, include_input=False, include_context=False):
        path = _path(item["loc"], value, item["type"] == "missing")
        hidden = bool(path) and path[0] in secrets and item["type"] != "missing"
        detail = "is not as the contract says (its value is secret)" if hidden else item["msg"]
        told.setdefault(path, {})[detail] = None
    return [problem_at(path, _joined(list(details))) for path, details in told.items()]


def with_integers(value: Any, error: ValidationError) -> Any | None:
    """A copy with 5 for 5.0 wherever an integer was asked for; None: there is no such place."""
    asked = [item["loc"] for item in error.errors(include_url=False) if item["type"] == "int_type"]
    mended, changed = orjson.loads(orjson.dumps(value)), False
    for location in asked:
        *way, last = _path(location, value, False) or (_NOWHERE,)
        holder = mended
        for part in way:
            holder = holder[part]
        number = _part(holder, last)
        if isinstance(number, float) and number.is_integer() and abs(number) < 2**63:
            holder[last], changed = int(number), True
    return mended if changed else None


def _path(location: tuple[int | str, ...], value: Any, is_missing: bool) -> Path:
    """Pydantic's location without what is not in the value: the names of a union's members and the like."""
    path: list[object] = []
    for place, part in enumerate(location, start=1):
        following = _part(value, part)
        if following is not _NOWHERE:
            path.append(part)
            value = following
        elif is_missing and place == len(location):
            path.append(part)
    return tuple(path)


def _part(value: Any, key: object) -> Any:
    if isinstance(value, dict):
        return value.get(key, _NOWHERE)
    if isinstance(value, list) and isinstance(key, int) and key < len(value):
        return value[key]
    return _NOWHERE


def _joined(details: list[str]) -> str:
    """``Input should be a valid string or a valid number``, of a union's members."""
    if len(details) > 1 and "Input should be a valid number" in details:
        details = [detail for detail in details if detail != "Input should be a valid integer"]
    if all(detail.startswith(_USUAL) for detail in details):
        return _USUAL + " or ".join(detail.removeprefix(_USUAL) for detail in details)
    return "; or ".join(details)
