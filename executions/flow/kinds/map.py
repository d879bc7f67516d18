from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from executions.flow import joins
from executions.flow.kinds import items
from executions.flow.kinds.verdict import Open
from executions.flow.state import Flow, Run, Scope
from executions.states import NodeStatus
from workflows.definition import MapNode


def start(flow: Flow, run: Run, now: datetime) -> Open:
    """Open a line for each item, as many at once as the node permits."""
    node = _node(run)
    run.input = {"items": items.resolved(flow, run, node.items, flow.definition.limits.node_runs)}
    return Open(scope(run))


def scope(run: Run) -> Scope:
    found = items.kept(run)
    return Scope(run, total=len(found), items=found, merges=False)


def verdict(flow: Flow, scope: Scope) -> NodeStatus | None:
    return joins.verdict(scope, _node(scope.run).join)


def openings(scope: Scope) -> Iterator[int]:
    room = _node(scope.run).concurrency - len(scope.live)
    return islice(scope.unopened(), max(0, room))


def first(scope: Scope, branch: int) -> str:
    return _node(scope.run).first


def given(scope: Scope, branch: int) -> dict[str, Any]:
    return items.given(scope, branch, _node(scope.run).as_name)


def output(scope: Scope) -> dict[str, Any]:
    """What the last node of each item's line gave, null where the line failed."""
    results: list[Any] = [None] * (scope.total or 0)
    for branch, frame in scope.frames.items():
        if frame.outcome is NodeStatus.COMPLETED and frame.run is not None:
            results[branch] = frame.run.output
    completed = scope.ended[NodeStatus.COMPLETED]
    return {"results": results, "completed": completed, "failed": len(results) - completed}


def _node(run: Run) -> MapNode:
    assert isinstance(run.node, MapNode)
    return run.node
