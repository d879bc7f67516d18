from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from executions.flow.kinds.verdict import Open, Skip
from executions.flow.state import Flow, Frame, Run, Scope
from executions.states import NodeStatus
from workflows.definition import DagNode


def start(flow: Flow, run: Run, now: datetime) -> Open:
    """Run each task as soon as those that it depends on have completed."""
    return Open(scope(run))


def scope(run: Run) -> Scope:
    tasks = _node(run).tasks
    followers: dict[int, list[int]] = defaultdict(list)
    for task, each in enumerate(tasks):
        for dependency in each.depends_on:
            followers[dependency].append(task)
    needs = {task: len(each.depends_on) for task, each in enumerate(tasks)}
    return Scope(run, total=len(tasks), needs=needs, followers=followers)


def verdict(flow: Flow, scope: Scope) -> NodeStatus | None:
    policy = _node(scope.run).on_failure
    is_sound = not scope.ended[NodeStatus.FAILED] and not scope.ended[NodeStatus.CANCELLED]
    if policy == "stop" and not is_sound:
        return NodeStatus.FAILED
    if sum(scope.ended.values()) < (scope.total or 0):
        return None
    return NodeStatus.COMPLETED if is_sound or policy == "continue" else NodeStatus.FAILED


def openings(scope: Scope) -> Iterator[int | Skip]:
    """At first the tasks that depend on nothing, then those whose last dependency has ended."""
    if scope.next == 0:
        scope.next = 1
        yield from _judged(scope, [task for task, needs in scope.needs.items() if needs == 0])
    while scope.fresh:
        ended = scope.fresh.popleft()
        yield from _judged(scope, _freed(scope, ended))


def first(scope: Scope, branch: int) -> str:
    return _node(scope.run).tasks[branch].node


def given(scope: Scope, branch: int) -> dict[str, Any]:
    """What each dependency had in the end, in the order in which the task names them."""
    found: dict[str, Any] = {}
    for dependency in _node(scope.run).tasks[branch].depends_on:
        frame = scope.frames[dependency]
        found |= {**frame.carried, **frame.delta}
    return found


def output(scope: Scope) -> dict[str, Any]:
    tasks = _node(scope.run).tasks
    return {"tasks": {tasks[branch].node: scope.frames[branch].outcome for branch in sorted(scope.frames)}}


def _freed(scope: Scope, ended: Frame) -> Iterator[int]:
    """The tasks that had only this one left to wait for."""
    for task in scope.followers.get(ended.branch or 0, ()):
        scope.needs[task] -= 1
        if scope.needs[task] == 0:
            yield task


def _judged(scope: Scope, tasks: Iterable[int]) -> Iterator[int | Skip]:
    for task in tasks:
        if task in scope.frames:
            continue
        missing = [
            dependency
            for dependency in _node(scope.run).tasks[task].depends_on
            if scope.frames[dependency].outcome is not NodeStatus.COMPLETED
        ]
        if missing:
            yield Skip(task, f"{first(scope, missing[0])} has not completed")
        else:
            yield task


def _node(run: Run) -> DagNode:
    assert isinstance(run.node, DagNode)
    return run.node
