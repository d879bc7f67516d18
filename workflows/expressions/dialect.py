"""What one spelling of expressions means; the tree and its evaluation are the same for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from workflows.expressions.work import Work

Step = Callable[[Work], Any]
"""A part of an expression, ready to run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    precedence: Mapping[str, int]
    """Binary operators, ``&&`` and the like included; higher binds more tightly."""
    comprehensions: bool
    """Whether ``has()``, maps and comprehensions may be written."""
    binary: Mapping[str, Callable[[Work, Any, Any], Any]]
    logical: Mapping[str, Callable[[Step, Step], Step]]
    """Operators that do not always need their right side."""
    member: Callable[[Any, Any], Any]
    index: Callable[[Any, Any], Any]
    negative: Callable[[Any], Any]
    test: Callable[[Any], bool]
    call: Callable[[Work, str, list[Any]], Any]
