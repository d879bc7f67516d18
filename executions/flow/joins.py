"""When a scope is decided, by its join policy."""

from __future__ import annotations

from math import floor

from executions.flow.state import Scope
from executions.states import NodeStatus
from workflows.policies import Join


def verdict(scope: Scope, join: Join) -> NodeStatus | None:
    """COMPLETED or FAILED as soon as no further branch can change it; None while one can."""
    branches = scope.total or 0
    completed = scope.ended[NodeStatus.COMPLETED]
    failed = sum(scope.ended.values()) - completed
    live = branches - completed - failed
    match join.policy:
        case "any":
            return _at_least(1, completed, live)
        case "n_of":
            return _at_least(join.n or 1, completed, live)
        case "all_done":
            return None if live else NodeStatus.COMPLETED
        case _:
            return _all(failed, live, tolerated(branches, join))


def tolerated(branches: int, join: Join) -> int:
    """How many of that many branches may fail."""
    if join.percent is not None:
        return floor(branches * join.percent / 100)
    return join.count or 0


def _all(failed: int, live: int, tolerated: int) -> NodeStatus | None:
    if failed > tolerated:
        return NodeStatus.FAILED
    return None if live else NodeStatus.COMPLETED


def _at_least(needed: int, completed: int, live: int) -> NodeStatus | None:
    if completed >= needed:
        return NodeStatus.COMPLETED
    return None if completed + live >= needed else NodeStatus.FAILED
