"""Policies and other values of Python as a document spells them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from workflows.expressions import Expression
from workflows.policies import Concurrency, Join, Rate, RetryPolicy, Timeout

Policy = RetryPolicy | Timeout | Concurrency | Rate


def given(**values: Any) -> dict[str, Any]:
    """Without those that are None."""
    return {name: value for name, value in values.items() if value is not None}


def json(value: Any) -> Any:
    """Mappings and sequences as JSON has them, an expression as its source; the rest as it is."""
    if isinstance(value, Expression):
        return value.source
    if isinstance(value, Mapping):
        return {key: json(item) for key, item in value.items()}
    return [json(item) for item in value] if isinstance(value, list | tuple) else value


def policy(value: Policy) -> dict[str, Any]:
    """What differs from the defaults."""
    differs = {field.name: getattr(value, field.name) for field in fields(value) if _is_told(value, field)}
    return {_camel(name): json(item) for name, item in differs.items()}


def join(value: Join | Mapping[str, Any]) -> Any:
    if not isinstance(value, Join):
        return json(value)
    tolerate = value.count if value.percent is None else f"{value.percent:g}%"
    return given(policy=value.policy, n=value.n, tolerate=tolerate)


def limits(value: Any) -> Any:
    """One or several."""
    match value:
        case Concurrency() | Rate():
            return policy(value)
        case Mapping() | int() | None:
            return value
    return [limits(each) for each in value]


def _is_told(value: Policy, field: Any) -> bool:
    return field.default is MISSING or getattr(value, field.name) != field.default


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
