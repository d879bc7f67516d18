"""What one evaluation may cost. Bounded by counting, so that the same input always ends the same way."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from time import thread_time
from typing import Any

from workflows.expressions.errors import ExpressionError
from workflows.expressions.regex import search

STEPS = 100_000
"""About 50 ms of this interpreter."""
TEXT = 1 << 20
"""Characters of one text that an expression may build."""
VALUES = 200_000
"""Values within what an expression, or a template's expressions together, may result in."""
RESULT_TEXT = 4 << 20
MATCHING = 0.1
"""Seconds of this thread's own time in regular expressions."""


class Work:
    """One evaluation: what is in reach, the macro's variable, and the steps that are left."""

    __slots__ = ("local", "matching", "scope", "steps")

    def __init__(self, scope: Mapping[str, Any]) -> None:
        self.scope = scope
        self.local: Any = None
        self.steps = STEPS
        self.matching = 0.0

    def charge(self, steps: int) -> None:
        self.steps -= steps
        if self.steps < 0:
            raise OutOfBounds("the expression does too much work")

    def text(self, built: str) -> str:
        self.charge(len(built) // 256)
        if len(built) > TEXT:
            raise OutOfBounds(f"the expression builds a text of more than {TEXT} characters")
        return built

    def compare(self, left: str, right: str) -> None:
        """Two texts are about to be compared."""
        self.charge(min(len(left), len(right)) // 256)

    def matches(self, text: str, pattern: str) -> bool:
        self.charge(20)
        began = thread_time()
        found = search(text, pattern)
        self.matching += thread_time() - began
        if self.matching > MATCHING:
            raise OutOfBounds("the expression matches for too long")
        return found


class OutOfBounds(ExpressionError):
    """A limit: never absorbed by && or ||."""


class Measure:
    """How much the expressions of one template may result in together."""

    __slots__ = ("text", "values")

    def __init__(self) -> None:
        self.values, self.text = VALUES, RESULT_TEXT

    def plain(self, value: Any) -> Any:
        """The value as JSON, times included; containers that hold nothing else are given back as they are."""
        kind = type(value)
        if kind is str:
            self._spend(0, len(value))
            return value
        if kind is int or kind is bool or value is None:
            return value
        if kind is float:
            return _finite(value)
        if isinstance(value, datetime):
            return stamp(value)
        if isinstance(value, timedelta):
            return span(value)
        return self._container(value)

    def _container(self, value: Any) -> Any:
        """Iterative and by size first: what is too large is refused before it is copied."""
        odd = False
        pending = [value]
        while pending:
            node = pending.pop()
            kind = type(node)
            if kind is str:
                self._spend(1, len(node))
            elif isinstance(node, Mapping):
                self._spend(1 + len(node), 0)
                odd = odd or kind is not dict
                pending.extend(node.values())
                pending.extend(key for key in node if type(key) is not str)
            elif isinstance(node, list | tuple):
                self._spend(1 + len(node), 0)
                pending.extend(node)
            else:
                odd = odd or not (kind is int or kind is bool or node is None)
        return _converted(value) if odd else value

    def _spend(self, values: int, text: int) -> None:
        self.values -= values
        self.text -= text
        if self.values < 0 or self.text < 0:
            raise OutOfBounds("the expressions result in too much data")


def stamp(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def span(duration: timedelta) -> str:
    """As JSON writes a duration: 90.5s."""
    return f"{duration.total_seconds():f}".rstrip("0").rstrip(".") + "s"


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ExpressionError("the result is not a finite number")
    return value


def _converted(value: Any) -> Any:
    """Recursive, as deep as the data: an expression adds no more than its own depth."""
    if isinstance(value, Mapping):
        return {_key(key): _converted(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_converted(item) for item in value]
    if isinstance(value, datetime):
        return stamp(value)
    if isinstance(value, timedelta):
        return span(value)
    return _finite(value) if isinstance(value, float) else value


def _key(key: Any) -> str:
    if isinstance(key, str):
        return key
    raise ExpressionError(f"a map with the key {key!r} is not JSON; use text keys")
