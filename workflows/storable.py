"""What is no JSON that can be stored: told alone, for the rest of a document could not be trusted."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from workflows.expressions.templates import escaped
from workflows.shape import Reading

VALUES = 1_000_000
DEPTH = 64


def is_storable(reading: Reading, document: Any) -> bool:
    """Notes what is not. Iterative, so that no depth exhausts the stack."""
    pending: list[tuple[Any, tuple[Any, ...] | None, int]] = [(document, None, 0)]
    seen = 0
    while pending and seen <= VALUES:
        value, path, depth = pending.pop()
        seen += 1
        fault = _fault(value, depth)
        if fault:
            reading.refuse(_pointer(path), fault)
        elif isinstance(value, dict):
            pending.extend((item, (path, key), depth + 1) for key, item in value.items())
        elif isinstance(value, list):
            pending.extend((item, (path, position), depth + 1) for position, item in enumerate(value))
    if seen > VALUES:
        reading.refuse("", f"more than {VALUES} values")
    return not reading.problems


def _fault(value: Any, depth: int) -> str | None:
    match value:
        case None | bool():
            return None
        case str():
            return _text_fault(value)
        case int() | float():
            return _number_fault(value)
        case dict() | list():
            return _nested_fault(value, depth)
    return f"{type(value).__name__} is not JSON"


def _nested_fault(value: dict[Any, Any] | list[Any], depth: int) -> str | None:
    if depth >= DEPTH:
        return f"nested more than {DEPTH} levels deep"
    return next(filter(None, map(_key_fault, value)), None) if isinstance(value, dict) else None


def _number_fault(value: int | float) -> str | None:
    if isinstance(value, float):
        return None if math.isfinite(value) else "the number is not finite"
    return None if -(2**63) <= value < 2**63 else "the whole number is too large"


def _key_fault(key: Any) -> str | None:
    return _text_fault(key) if isinstance(key, str) else f"the key {key!r} is not a text"


def _text_fault(value: str) -> str | None:
    if "\0" in value:
        return "the character NUL cannot be stored"
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        return "half of a surrogate pair cannot be stored"
    return None


def _pointer(path: tuple[Any, ...] | None) -> str:
    return "".join(reversed([f"/{escaped(key)}" for key in _keys(path)]))


def _keys(path: tuple[Any, ...] | None) -> Iterator[Any]:
    while path is not None:
        path, key = path
        yield key
