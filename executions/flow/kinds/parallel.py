from collections.abc import Iterator
from datetime import datetime
from typing import Any

from executions.flow import joins
from executions.flow.kinds.verdict import Open
from executions.flow.state import Flow, Run, Scope
from executions.states import NodeStatus
from workflows.definition import ParallelNode


def start(flow: Flow, run: Run, now: datetime) -> Open:
    """Open a line for each branch."""
    return Open(scope(run))


def scope(run: Run) -> Scope:
    return Scope(run, total=len(run.node.branches))


def verdict(flow: Flow, scope: Scope) -> NodeStatus | None:
    node = scope.run.node
    assert isinstance(node, ParallelNode)
    return joins.verdict(scope, node.join)


def openings(scope: Scope) -> Iterator[int]:
    return scope.unopened()


def first(scope: Scope, branch: int) -> str:
    return scope.run.node.branches[branch]


def given(scope: Scope, branch: int) -> dict[str, Any]:
    return {}


def output(scope: Scope) -> None:
    """A parallel node gives nothing of its own."""
