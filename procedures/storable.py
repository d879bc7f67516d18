"""What JSON in a database cannot hold, and where in a value it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import orjson

from procedures.errors import Problem
from procedures.pointers import problem_at

Path = tuple[object, ...]
Place = tuple[Path, Any]
SMALLEST, GREATEST = -(2**63), 2**64 - 1
DEEPEST = 250
MOST_PROBLEMS = 100


def encoded(value: Any) -> bytes:
    """JSON text. Raises ``TypeError`` where there is none."""
    return orjson.dumps(value)


def is_suspect(text: bytes) -> bool:
    """Whether JSON text may come of a NaN, which is written as null, or hold a NUL: cheap, and cautious."""
    return b"null" in text or b"\\u0000" in text


def some(problems: Iterable[Problem]) -> list[Problem]:
    """As many as a reader may want."""
    return list(islice(problems, MOST_PROBLEMS))


def unstorable(value: Any) -> Iterator[Problem]:
    """All that JSON or the database cannot hold, in the order of the places in ``value`` (plain data)."""
    for path, item in walk(value):
        if len(path) > DEEPEST:
            yield problem_at(path[:3], f"nested deeper than {DEEPEST} levels")
            return
        if isinstance(item, Mapping):
            yield from (problem_at(path, wrong) for wrong in map(_wrong_key, item) if wrong)
        elif wrong := _wrong(item):
            yield problem_at(path, wrong)


def not_finite(value: Any) -> Iterator[Problem]:
    """Every NaN and infinity of a value that is not nested without end."""
    for path, item in walk(value):
        if isinstance(item, float) and (wrong := _wrong(item)):
            yield problem_at(path, wrong)


def parts(value: Any) -> Iterable[tuple[object, Any]]:
    """What a value consists of, by key or place; nothing: it is a single value."""
    if isinstance(value, Mapping):
        return value.items()
    single = isinstance(value, str | bytes | bytearray) or not isinstance(value, Collection)
    return () if single else list(enumerate(value))


def walk(value: Any, parts_of: Callable[[Any], Iterable[tuple[object, Any]]] = parts) -> Iterator[Place]:
    """Everything in a value with its path, in order, depth first; without end where it contains itself."""
    pending: list[Place] = [((), value)]
    while pending:
        path, item = pending.pop()
        yield path, item
        pending += [((*path, key), part) for key, part in reversed(list(parts_of(item)))]


def _wrong_key(key: object) -> str:
    if not isinstance(key, str):
        return f"the key {key!r} is no text"
    wrong = _wrong_text(key)
    return f"in a key, {wrong}" if wrong else ""


def _wrong(value: object) -> str:
    """Why a single value cannot be stored; empty: it can."""
    match value:
        case str():
            return _wrong_text(value)
        case int():
            return "" if SMALLEST <= value <= GREATEST else "an integer beyond 64 bits cannot be stored"
        case float():
            return "" if math.isfinite(value) else f"{_spelt(value)} is not a JSON number"
    return ""


def _wrong_text(text: str) -> str:
    if "\0" in text:
        return "a NUL character (\\u0000) cannot be stored"
    if text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text):
        return ""
    return "half a surrogate pair is not text"


def _spelt(value: float) -> str:
    """As JavaScript spells them."""
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
