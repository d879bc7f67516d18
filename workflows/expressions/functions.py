"""The functions of CEL that may be called, as ``f(x)`` or ``x.f()``: one small function and one line each."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from workflows.expressions.errors import ExpressionError
from workflows.expressions.work import Work, span, stamp

_KINDS: dict[type, str] = {bool: "bool", int: "int", float: "double", str: "string", type(None): "null_type"}
TYPES = frozenset({*_KINDS.values(), "list", "map"})
"""Names of types, as ``type(x) == int`` compares them."""

_DURATION = re.compile(r"([+-]?)((?:\d+(?:\.\d+)?(?:ns|us|ms|h|m|s))+|0)")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|ms|h|m|s)")
_SECONDS = {"h": 3600, "m": 60, "s": 1, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_NUMBER_TEXT = 64


@dataclass(frozen=True, slots=True)
class Function:
    """``arity`` counts the receiver: ``x.f(y)`` is ``f(x, y)``."""

    run: Callable[..., Any]
    arity: tuple[int, ...]
    is_method: bool = False

    def apply(self, work: Work, arguments: list[Any]) -> Any:
        return self.run(work, *arguments)


def kind_of(value: Any) -> str:
    """The name of the value's type in CEL."""
    if type(value) in _KINDS:
        return _KINDS[type(value)]
    kinds = (("map", Mapping), ("list", (list, tuple)), ("timestamp", datetime), ("duration", timedelta))
    return next((name for name, types in kinds if isinstance(value, types)), "value")


def size(work: Work, value: Any) -> int:
    if isinstance(value, str | list | tuple | Mapping):
        return len(value)
    raise ExpressionError(f"size() is not defined for {kind_of(value)}")


def to_int(work: Work, value: Any) -> int:
    if isinstance(value, datetime):
        return int(value.timestamp())
    if isinstance(value, str):
        return _parsed(int, value, r"[+-]?\d+")
    if isinstance(value, float) and not math.isfinite(value):
        raise ExpressionError("int() of a number that is not finite")
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _bounded(int(value))
    raise ExpressionError(f"int() is not defined for {kind_of(value)}")


def to_double(work: Work, value: Any) -> float:
    if isinstance(value, str):
        return _parsed(float, value, r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raise ExpressionError(f"double() is not defined for {kind_of(value)}")


def to_text(work: Work, value: Any) -> str:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(_bounded(value))
        case float():
            return number_text(value)
        case datetime():
            return stamp(value)
        case timedelta():
            return span(value)
    raise ExpressionError(f"string() is not defined for {kind_of(value)}")


def to_bool(work: Work, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise ExpressionError(f"bool() is not defined for {kind_of(value)}")


def timestamp(work: Work, value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    try:
        at = datetime.fromisoformat(_text(value))
    except ValueError:
        raise ExpressionError(f"{value!r} is not a time such as 2026-01-31T12:00:00Z") from None
    if at.tzinfo is None:
        raise ExpressionError(f"the time {value!r} has no zone; end it with Z or an offset")
    return at


def duration(work: Work, value: Any) -> timedelta:
    if isinstance(value, timedelta):
        return value
    text = _text(value)
    found = _DURATION.fullmatch(text) if len(text) <= _NUMBER_TEXT else None
    if found is None:
        raise ExpressionError(f"{text[:80]!r} is not a duration such as 1h30m or 90s")
    seconds = sum(float(amount) * _SECONDS[unit] for amount, unit in _PART.findall(text))
    return timedelta(seconds=-seconds if found[1] == "-" else seconds)


def matches(work: Work, text: Any, pattern: Any) -> bool:
    return work.matches(_text(text), _text(pattern))


def contains(work: Work, text: Any, part: Any) -> bool:
    work.text(_text(text))
    return _text(part) in text


def starts_with(work: Work, text: Any, part: Any) -> bool:
    return _text(text).startswith(_text(part))


def ends_with(work: Work, text: Any, part: Any) -> bool:
    return _text(text).endswith(_text(part))


def lower(work: Work, text: Any) -> str:
    return work.text(_text(text).lower())


def upper(work: Work, text: Any) -> str:
    return work.text(_text(text).upper())


def trim(work: Work, text: Any) -> str:
    return work.text(_text(text).strip())


def split(work: Work, text: Any, separator: Any) -> list[str]:
    work.charge(len(_text(text)))
    return text.split(separator) if _text(separator) else list(text)


def join(work: Work, parts: Any, separator: Any = "") -> str:
    if not isinstance(parts, list | tuple):
        raise ExpressionError(f"join() takes a list, not {kind_of(parts)}")
    texts = [_text(part) for part in parts]
    work.charge(len(texts) + sum(map(len, texts)) // 256 + len(texts) * len(_text(separator)) // 256)
    return work.text(separator.join(texts))


def replace(work: Work, text: Any, old: Any, new: Any) -> str:
    count = _text(text).count(_text(old))
    work.charge((len(text) + count * len(_text(new))) // 256)
    return work.text(text.replace(old, new))


def number_text(value: float) -> str:
    """A double as text; a whole one without its point."""
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise ExpressionError(f"expected a string, not {kind_of(value)}")


def _parsed(convert: Callable[[str], Any], text: str, pattern: str) -> Any:
    if len(text) > _NUMBER_TEXT or not re.fullmatch(pattern, text, re.ASCII):
        raise ExpressionError(f"{text[:80]!r} is not a number")
    value = convert(text)
    return _bounded(value) if isinstance(value, int) else value


def _bounded(value: int) -> int:
    if not -(2**63) <= value < 2**63:
        raise ExpressionError("the whole number is too large")
    return value


FUNCTIONS: dict[str, Function] = {
    "size": Function(size, (1,), is_method=True),
    "type": Function(lambda work, value: kind_of(value), (1,)),
    "dyn": Function(lambda work, value: value, (1,)),
    "int": Function(to_int, (1,)),
    "double": Function(to_double, (1,)),
    "string": Function(to_text, (1,)),
    "bool": Function(to_bool, (1,)),
    "timestamp": Function(timestamp, (1,)),
    "duration": Function(duration, (1,)),
    "matches": Function(matches, (2,), is_method=True),
    "contains": Function(contains, (2,), is_method=True),
    "startsWith": Function(starts_with, (2,), is_method=True),
    "endsWith": Function(ends_with, (2,), is_method=True),
    "lowerAscii": Function(lower, (1,), is_method=True),
    "upperAscii": Function(upper, (1,), is_method=True),
    "trim": Function(trim, (1,), is_method=True),
    "split": Function(split, (2,), is_method=True),
    "join": Function(join, (1, 2), is_method=True),
    "replace": Function(replace, (3,), is_method=True),
}
