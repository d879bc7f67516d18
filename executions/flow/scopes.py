"""What happens to a scope: its lines are opened, weighed, joined, or told to stop."""

from __future__ import annotations

from collections.abc import Iterable

from executions.flow import runs
from executions.flow.kinds import KINDS, Done, Opens, Skip
from executions.flow.plan import Plan
from executions.flow.state import Flow, Frame, Run, Scope
from executions.flow.values import LARGEST, is_too_large
from executions.states import NodeStatus
from workflows.definition import SubworkflowNode

DECIDED = "another branch decided the join"


def rules(scope: Scope) -> Opens:
    """What the scope's kind knows."""
    found = KINDS[scope.run.node.kind]
    assert isinstance(found, Opens)
    return found


def weigh(flow: Flow, plan: Plan) -> None:
    """Decide what the branches that have ended decide; a scope's end may decide the one around it."""
    while plan.undecided:
        _weigh(flow, plan, plan.undecided.popleft())


def stop(flow: Flow, plan: Plan, frames: Iterable[Frame], reason: str) -> None:
    """What waits, or has not been launched, is cancelled at once; what is in flight is told to stop."""
    pending = list(frames)[::-1]
    while pending:
        frame = pending.pop()
        run = frame.run
        if frame.outcome is not None:
            continue
        if run is None or run.status.is_terminal:
            runs.end_line(flow, plan, frame, NodeStatus.CANCELLED)
            continue
        was_told = bool(run.stopping)
        run.stopping = run.stopping or reason
        if run.scope is not None:
            pending.extend(list(run.scope.live.values())[::-1])
            plan.undecided.append(run.scope)
        elif run.is_in_flight and run not in plan.launch:
            plan.stop.append(run)
        elif not _awaits_end(plan, run, reason, was_told=was_told):
            runs.cancel(flow, plan, run, reason)


def is_decided(frame: Frame) -> bool:
    """Whether a join has been decided without this line."""
    return any(line.scope is not None and line.scope.verdict is not None for line in frame.lines())


def restored(run: Run) -> Scope:
    """The scope that the run has opened, without its lines."""
    found = KINDS[run.node.kind]
    assert isinstance(found, Opens)
    return found.scope(run)


def line(scope: Scope, branch: int) -> Frame:
    """A line of the scope, at its beginning."""
    frame = Frame({}, rules(scope).first(scope, branch), scope, branch)
    scope.frames[branch] = scope.live[branch] = frame
    stand_on(frame)
    return frame


def stand_on(frame: Frame) -> None:
    """Give the line what it has in reach beside what it has added: it begins, or was read from rows."""
    scope, branch = frame.scope, frame.branch
    assert scope is not None and branch is not None
    opener = scope.run.frame
    if frame.outcome is None or scope.needs:
        frame.carried = rules(scope).given(scope, branch)
    if frame.outcome is not None:
        return
    frame.vars = {**opener.vars, **frame.carried, **frame.delta}
    frame.error = frame.error or opener.error
    frame.item, frame.index = opener.item, opener.index
    if scope.items is not None:
        frame.item = scope.items[branch]
    if scope.items is not None or scope.total is None:
        frame.index = branch
    if not scope.merges:
        frame.nodes = {}


def _weigh(flow: Flow, plan: Plan, scope: Scope) -> None:
    run = scope.run
    if run.status.is_terminal:
        return
    if scope.verdict is None and not run.stopping:
        _decide(flow, plan, scope)
    if scope.live or (scope.verdict is None and not run.stopping):
        return
    if run.stopping:
        runs.cancel(flow, plan, run, run.stopping)
    elif scope.verdict is NodeStatus.COMPLETED:
        _join(flow, plan, scope)
    else:
        missing = {"name": "JoinFailed", "message": "too few branches completed", "nodeId": run.node.id}
        runs.fail(flow, plan, run, scope.error or missing)


def _decide(flow: Flow, plan: Plan, scope: Scope) -> None:
    try:
        scope.verdict = rules(scope).verdict(flow, scope)
        if scope.verdict is None:
            _grow(flow, plan, scope)
            return
    except Exception as error:  # a test that cannot be evaluated, or too many times round
        scope.verdict, scope.error = NodeStatus.FAILED, runs.told(error)
    stop(flow, plan, list(scope.live.values()), DECIDED)


def _grow(flow: Flow, plan: Plan, scope: Scope) -> None:
    """Start the lines that may start now."""
    for opening in rules(scope).openings(scope):
        if isinstance(opening, Skip):
            runs.skip(flow, plan, line(scope, opening.branch), opening.reason)
        else:
            frame = line(scope, opening)
            plan.agenda.append((frame, frame.first, scope.run.index))


def _join(flow: Flow, plan: Plan, scope: Scope) -> None:
    """The branches' results, in the order in which the definition names them."""
    output = rules(scope).output(scope)
    if is_too_large(output):
        message = (
            f"its branches gave more than {LARGEST} bytes; let them store what is large, and give its name"
        )
        runs.fail(flow, plan, scope.run, {"name": "LimitExceeded", "message": message})
        return
    if scope.merges:
        for frame in scope.completed():
            scope.run.frame.merge(frame.delta)
    runs.complete(flow, plan, scope.run, Done(output, scope.run.node.next))


def _awaits_end(plan: Plan, run: Run, reason: str, *, was_told: bool) -> bool:
    """Whether the run waits for another execution that is told to stop, and so for that one's end."""
    child = run.child
    if child is None or not isinstance(run.node, SubworkflowNode) or run.node.on_parent_close == "abandon":
        return False
    if not was_told:
        force = run.node.on_parent_close == "terminate"
        plan.send(child, "cancel", {"reason": f"its parent: {reason}", "force": force})
    return True
