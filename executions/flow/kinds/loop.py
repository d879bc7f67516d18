from collections.abc import Iterator
from datetime import datetime
from typing import Any

from executions.flow.kinds import items
from executions.flow.kinds.verdict import Open, Refused
from executions.flow.state import Flow, Run, Scope
from executions.states import NodeStatus
from workflows.definition import LoopNode


def start(flow: Flow, run: Run, now: datetime) -> Open:
    """Go round and round, one line after the other; each finds what those before it have added."""
    node = _node(run)
    if node.items is not None:
        run.input = {"items": items.resolved(flow, run, node.items, node.limit)}
    return Open(scope(run))


def scope(run: Run) -> Scope:
    if _node(run).items is None:
        return Scope(run)
    found = items.kept(run)
    return Scope(run, total=len(found), items=found)


def verdict(flow: Flow, scope: Scope) -> NodeStatus | None:
    """Asks the node's own test before, or after, each time round."""
    _absorb(scope)
    if scope.live:
        return None
    done = scope.ended[NodeStatus.COMPLETED]
    if done < len(scope.frames):
        return NodeStatus.FAILED
    node = _node(scope.run)
    over = done == scope.total if node.test is None else _is_over(flow, scope, node, done)
    if over:
        return NodeStatus.COMPLETED
    if done >= node.limit:
        raise Refused("LimitExceeded", f"more than {node.limit} times round (limit)")
    return None


def openings(scope: Scope) -> Iterator[int]:
    return iter(() if scope.live else (len(scope.frames),))


def first(scope: Scope, branch: int) -> str:
    return _node(scope.run).first


def given(scope: Scope, branch: int) -> dict[str, Any]:
    _absorb(scope)
    return {**scope.vars, **items.given(scope, branch, _node(scope.run).as_name)}


def output(scope: Scope) -> dict[str, Any]:
    told: dict[str, Any] = {"iterations": scope.ended[NodeStatus.COMPLETED]}
    if scope.items is not None:
        told["results"] = [frame.run.output if frame.run else None for frame in scope.in_order()]
    return told


def _absorb(scope: Scope) -> None:
    while scope.fresh:
        frame = scope.fresh.popleft()
        if frame.outcome is NodeStatus.COMPLETED:
            scope.vars.update(frame.delta)


def _is_over(flow: Flow, scope: Scope, node: LoopNode, done: int) -> bool:
    assert node.test is not None
    if node.mode == "until" and not done:
        return False
    frame = scope.run.frame
    reach = {**flow.scope_of(frame), "vars": {**frame.vars, **scope.vars}, "index": done}
    return node.test.truth(reach) is (node.mode == "until")


def _node(run: Run) -> LoopNode:
    assert isinstance(run.node, LoopNode)
    return run.node
