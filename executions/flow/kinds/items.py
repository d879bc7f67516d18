"""The items of a map, and of a loop that goes over some."""

from __future__ import annotations

from typing import Any

from executions.flow.kinds.verdict import Refused
from executions.flow.state import Flow, Run, Scope
from executions.flow.values import problem
from workflows.expressions import Template


def resolved(flow: Flow, run: Run, items: Template, most: int) -> list[Any]:
    """At most ``most`` of them. They are kept as the run's input: a take-over must find the same."""
    found = items.resolve(flow.scope_of(run.frame))
    if not isinstance(found, list):
        raise Refused("ExpressionError", f"items: expected a list, got {_kind(found)}")
    if len(found) > most:
        raise Refused("LimitExceeded", f"{len(found)} items; at most {most}")
    wrong = problem(found)
    if wrong is not None:
        raise Refused("ExpressionError", f"items: {wrong}")
    return found


def kept(run: Run) -> list[Any]:
    """As the run's row has them."""
    found: list[Any] = run.input["items"]
    return found


def given(scope: Scope, branch: int, name: str | None) -> dict[str, Any]:
    return {} if name is None or scope.items is None else {name: scope.items[branch]}


def _kind(value: Any) -> str:
    names = {dict: "an object", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
