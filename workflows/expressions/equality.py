"""Equality of JSON values as CEL has it: numbers by value, everything else by its own type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflows.expressions.work import Work

_SCALARS = frozenset({str, int, float, bool, type(None)})


def equal(work: Work, left: Any, right: Any) -> bool:
    if type(left) is str and type(right) is str:
        work.compare(left, right)
    if type(left) in _SCALARS or type(right) in _SCALARS:
        return same(left, right)
    pending = [(left, right)]
    while pending:
        work.charge(1)
        one, other = pending.pop()
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            if len(one) != len(other) or any(key not in other for key in one):
                return False
            pending.extend((item, other[key]) for key, item in one.items())
        elif isinstance(one, list | tuple) and isinstance(other, list | tuple):
            if len(one) != len(other):
                return False
            pending.extend(zip(one, other, strict=True))
        elif not same(one, other):
            return False
    return True


def same(left: Any, right: Any) -> bool:
    """Scalars: true is not 1, though Python says so."""
    if isinstance(left, bool) is not isinstance(right, bool):
        return False
    return bool(left == right)
