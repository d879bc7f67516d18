"""When a scope is decided, by its join policy."""

from __future__ import annotations

from math import floor

from executions.flow.state import Scope
from executions.states import NodeStatus
from workflows.policies import Join


def verdict(scope: Scope, join: Join) -> NodeStatus | None:
    """COMPLETED or FAILED as soon as no further branch can change it; None while one can."""
    completed = scope.count(NodeStatus.COMPLETED)
    failed = scope.count(NodeStatus.FAILED) + scope.count(NodeStatus.CANCELLED)
    live = len(scope.frames) - completed - failed
    match join.policy:
        case "any":
            return _at_least(1, completed, live)
        case "n_of":
            return _at_least(join.n or 1, completed, live)
        case "all_done":
            return None if live else NodeStatus.COMPLETED
        case _:
            return _all(failed, live, tolerated(scope, join))


def tolerated(scope: Scope, join: Join) -> int:
    """How many branches may fail."""
    if join.percent is not None:
        return floor(len(scope.frames) * join.percent / 100)
    return join.count or 0


def _all(failed: int, live: int, tolerated: int) -> NodeStatus | None:
    if failed > tolerated:
        return NodeStatus.FAILED
    return None if live else NodeStatus.COMPLETED


def _at_least(needed: int, completed: int, live: int) -> NodeStatus | None:
    if completed >= needed:
        return NodeStatus.COMPLETED
    return None if completed + live >= needed else NodeStatus.FAILED
