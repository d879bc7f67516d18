"""The rules of flow: what follows from what has ended. Deterministic, and free of I/O.

Every entry takes the flow and the plan of the transition in the making, changes the one and adds to the other;
``settle`` then runs what has become due and decides where the execution as a whole stands.
"""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

from executions.flow import joins
from executions.flow.kinds import KINDS, Attempt, Done, Open, Park
from executions.flow.outcomes import Completed, Failed, Lost, Outcome, Stopped
from executions.flow.plan import Plan
from executions.flow.restore import follow
from executions.flow.state import Ending, Flow, Frame, Run, Scope
from executions.states import EventType, ExecutionStatus, NodeStatus
from procedures.errors import ProcedureNotFound
from workflows.policies import RetryPolicy
from workflows.expressions import ExpressionError

INLINE_LIMIT = 200
"""Nodes that one transition may come to, so that a cycle of conditions cannot hold the loop."""


def begin(flow: Flow, plan: Plan) -> None:
    """Claimed for the first time."""
    flow.status = ExecutionStatus.RUNNING
    flow.started_at = plan.now
    total = {"totalNodes": flow.definition.node_count} if flow.definition.is_static else {}
    plan.tell(EventType.WORKFLOW_STARTED, **total)
    for run in flow.runs:
        _adopt(flow, plan, run)
    follow(flow, plan)


def _adopt(flow: Flow, plan: Plan, run: Run) -> None:
    """A result that comes from another execution: told, not run."""
    run.started_at = run.attempt_at = plan.now
    if run.status.is_terminal:
        run.ended_at = plan.now
        event = EventType.NODE_FAILED if run.status is NodeStatus.FAILED else EventType.NODE_COMPLETED
        told = {"error": _told(run.error or {}), "handledBy": run.next_id} if run.error else {}
        flow.nodes[run.node.id] = {"output": run.output, "status": run.status.value, "error": run.error}
        plan.tell(event, run, attempt=run.attempt, timestamp=_ms(plan.now), duration=0, adopted=True, **told)
    else:
        plan.tell(EventType.NODE_STARTED, run, attempt=run.attempt, timestamp=_ms(plan.now))


def ended(flow: Flow, plan: Plan, run: Run, outcome: Outcome, random: Random, max_lost: int) -> None:
    """An attempt has ended. An answer to a run that is over already is dropped."""
    if not run.is_in_flight:
        return
    if run.stopping and not flow.ending:
        outcome = Stopped("another branch decided the join")
    match outcome:
        case Completed():
            run.spans.extend(outcome.spans)
            run.encoded = outcome.encoded
            complete(flow, plan, run, Done(outcome.output, run.node.next))
        case Failed():
            run.spans.extend(outcome.spans)
            _failed(flow, plan, run, outcome, random)
        case Stopped():
            run.spans.extend(outcome.spans)
            cancel_run(flow, plan, run, outcome.reason)
        case Lost():
            _lost(flow, plan, run, outcome, max_lost)
            start_pending(flow, plan)


def due(flow: Flow, plan: Plan) -> None:
    """Move on every run whose time has come."""
    for run in list(flow.live_runs()):
        if run.available_at is None or run.available_at > plan.now or flow.held or flow.ending:
            continue
        if flow.status is ExecutionStatus.WAITING:
            _resumed(flow, plan, reason="due")
        if run.status is NodeStatus.RETRYING:
            run.attempt += 1
            start(flow, plan, run)
        elif run.status is NodeStatus.WAITING:
            complete(flow, plan, run, KINDS[run.node.kind].resume(flow, run, plan.now))  # type: ignore[attr-defined]


def hold(flow: Flow, plan: Plan, by: str) -> None:
    """Pause: what is in flight finishes, nothing new starts."""
    flow.held, flow.held_by = True, by


def release(flow: Flow, plan: Plan, by: str) -> None:
    """Resume: what has been reached meanwhile starts."""
    flow.held = False
    if flow.status is ExecutionStatus.PAUSED:
        _resumed(flow, plan, by=by)
        if flow.started_at is None:
            begin(flow, plan)
    start_pending(flow, plan)
    due(flow, plan)


def start_pending(flow: Flow, plan: Plan) -> None:
    """Start what has been reached and not started: held back by a pause, or lost with an executor."""
    if flow.held or flow.ending:
        return
    for run in list(flow.live_runs()):
        if run.status is NodeStatus.PENDING:
            start(flow, plan, run)


def lose(flow: Flow, plan: Plan, lost: Lost, max_lost: int) -> None:
    """Every attempt in flight is gone: with a dead executor, or with this one as it stops."""
    for run in list(flow.live_runs()):
        if run.is_in_flight:
            _lost(flow, plan, run, lost, max_lost)


def finish(flow: Flow, plan: Plan, ending: Ending) -> None:
    """Cancel, or give up at the deadline: stop what is in flight, then end so."""
    if flow.status.is_terminal or (flow.ending and flow.ending.status is ExecutionStatus.TIMED_OUT):
        return
    flow.ending = ending
    plan.agenda.clear()
    if ending.status is ExecutionStatus.CANCELLED and flow.status is not ExecutionStatus.CANCELLING:
        flow.status = ExecutionStatus.CANCELLING
        plan.tell(EventType.WORKFLOW_CANCELLING, reason=ending.reason, by=ending.by)
    _cancel_frame(flow, plan, flow.root, ending.reason or ending.status.value)


def obey(flow: Flow, plan: Plan, kind: str, payload: dict[str, Any], actor: str) -> bool:
    """A command from outside. False: it came too late and changes nothing."""
    if flow.status.is_terminal or flow.ending is not None:
        return False
    match kind:
        case "cancel":
            finish(flow, plan, Ending(ExecutionStatus.CANCELLED, reason=payload.get("reason") or "", by=actor))
        case "pause" if not flow.held:
            hold(flow, plan, actor)
        case "resume" if flow.held:
            release(flow, plan, actor)
        case _:
            return False
    return True


def progress(flow: Flow, plan: Plan, index: int, data: dict[str, Any]) -> None:
    """User code tells how far it is."""
    run = flow.runs[index]
    if run.is_in_flight:
        plan.tell(EventType.NODE_PROGRESS, run, attempt=run.attempt, **data, timestamp=_ms(plan.now))


def settle(flow: Flow, plan: Plan) -> bool:
    """Run the agenda and decide the execution's status. True: there is more to do at once."""
    for _ in range(INLINE_LIMIT):
        if not plan.agenda:
            break
        reach(flow, plan, *plan.agenda.popleft())
    more = bool(plan.agenda)
    if not more:
        _conclude(flow, plan)
    return more


# What happens to one run


def reach(flow: Flow, plan: Plan, frame: Frame, node_id: str, previous: int | None) -> None:
    """A line has come to a node: make its run, and start it unless the execution is held."""
    if frame.outcome is not None or flow.ending is not None:
        return
    if len(flow.runs) >= flow.definition.limits.node_runs:
        limit = flow.definition.limits.node_runs
        _fail_line(flow, plan, frame, _error("LimitExceeded", f"more than {limit} node runs (limits.nodeRuns)", node_id))
        return
    run = Run(len(flow.runs), flow.definition.nodes[node_id], frame, previous)
    flow.runs.append(run)
    frame.run = run
    if flow.held:
        plan.touched[run.index] = run
    else:
        start(flow, plan, run)


def start(flow: Flow, plan: Plan, run: Run) -> None:
    run.status, run.available_at, run.wait_reason = NodeStatus.RUNNING, None, ""
    run.attempt_at = plan.now
    run.started_at = run.started_at or plan.now
    run.stopping = False
    plan.tell(EventType.NODE_STARTED, run, attempt=run.attempt, timestamp=_ms(plan.now))
    try:
        verdict = KINDS[run.node.kind].start(flow, run, plan.now)
    except (ExpressionError, ProcedureNotFound) as error:
        _give_up(flow, plan, run, {"name": type(error).__name__, "message": str(error)})
        return
    match verdict:
        case Done():
            complete(flow, plan, run, verdict)
        case Attempt():
            plan.launch.append(run)
        case Park():
            _park(flow, plan, run, verdict)
        case Open():
            _open(plan, run, verdict)


def complete(flow: Flow, plan: Plan, run: Run, done: Done) -> None:
    run.output, run.error = done.output, None
    run.next_id = None if _leaves(run, done.next_id) else done.next_id
    if run.node.kind == "procedure":
        run.frame.merge(done.output)
    _end(flow, plan, run, NodeStatus.COMPLETED, EventType.NODE_COMPLETED)
    if run.stopping:
        _end_frame(flow, plan, run.frame, NodeStatus.CANCELLED)
    elif run.next_id is None:
        _end_frame(flow, plan, run.frame, NodeStatus.COMPLETED)
    else:
        plan.agenda.append((run.frame, run.next_id, run.index))


def cancel_run(flow: Flow, plan: Plan, run: Run, reason: str) -> None:
    if run.status.is_terminal:
        return
    run.wait_reason = ""
    _end(flow, plan, run, NodeStatus.CANCELLED, EventType.NODE_CANCELLED, reason=reason)
    _end_frame(flow, plan, run.frame, NodeStatus.CANCELLED)


def _failed(flow: Flow, plan: Plan, run: Run, failed: Failed, random: Random) -> None:
    if run.stopping:
        cancel_run(flow, plan, run, "cancelled")
        return
    delay = _retry_delay(run, plan, failed, random)
    if delay is None:
        _give_up(flow, plan, run, failed.error)
        return
    _note_attempt(run, plan, "failed", failed.error)
    run.status, run.error = NodeStatus.RETRYING, failed.error
    run.available_at = plan.now + timedelta(seconds=delay)
    run.wait_reason = f"attempt {run.attempt + 1} after back-off"
    plan.tell(
        EventType.NODE_RETRYING,
        run,
        attempt=run.attempt,
        error=_told(failed.error),
        retryAt=_ms(run.available_at),
        timestamp=_ms(plan.now),
    )


def _retry_delay(run: Run, plan: Plan, failed: Failed, random: Random) -> float | None:
    """Seconds until the next attempt; None where there is none."""
    policy = run.node.retry or (RetryPolicy() if failed.asked_to_retry else None)
    if policy is None or not failed.retryable:
        return None
    tried = run.attempt - run.lost
    elapsed = (plan.now - (run.started_at or plan.now)).total_seconds()
    if not policy.permits(failed.name, tried, elapsed):
        return None
    return failed.retry_after if failed.retry_after is not None else policy.delay(tried, random.random())


def _give_up(flow: Flow, plan: Plan, run: Run, error: dict[str, Any]) -> None:
    """The node has failed for good: its handler takes over, else its line fails."""
    run.error = error
    handler = None if run.stopping else run.node.on_error
    run.next_id = handler
    handled = {"handledBy": handler} if handler else {}
    _end(flow, plan, run, NodeStatus.FAILED, EventType.NODE_FAILED, error=_told(error), **handled)
    known = {**error, "nodeId": error.get("nodeId") or run.node.id}
    if handler is None:
        _fail_line(flow, plan, run.frame, known)
    else:
        run.frame.error = {**_told(known), "attempt": run.attempt}
        plan.agenda.append((run.frame, handler, run.index))


def _lost(flow: Flow, plan: Plan, run: Run, lost: Lost, max_lost: int) -> None:
    if run.stopping or flow.ending:
        cancel_run(flow, plan, run, lost.reason)
        return
    _note_attempt(run, plan, "lost", {"name": "AttemptLost", "message": lost.reason})
    plan.tell(
        EventType.NODE_LOST, run, attempt=run.attempt, reason=lost.reason, timestamp=_ms(plan.now)
    )
    run.lost += lost.counts
    if run.lost >= max_lost:
        message = f"{run.lost} attempts were lost with their executors"
        run.attempt += 1
        _give_up(flow, plan, run, {"name": "AttemptsLost", "message": message})
        return
    run.status, run.attempt = NodeStatus.PENDING, run.attempt + 1


def _park(flow: Flow, plan: Plan, run: Run, park: Park) -> None:
    run.status, run.available_at, run.wait_reason = NodeStatus.WAITING, park.until, park.reason
    plan.tell(
        EventType.NODE_WAITING, run, attempt=run.attempt, reason=park.reason, until=_ms(park.until)
    )


def _open(plan: Plan, run: Run, opened: Open) -> None:
    run.scope = Scope(run)
    for branch, first in enumerate(opened.branches):
        frame = Frame(dict(run.frame.vars), first, run.scope, branch, error=run.frame.error)
        run.scope.frames.append(frame)
        plan.agenda.append((frame, first, run.index))


def _end(flow: Flow, plan: Plan, run: Run, status: NodeStatus, event: EventType, **data: Any) -> None:
    run.status, run.ended_at, run.available_at, run.wait_reason = status, plan.now, None, ""
    flow.nodes[run.node.id] = {"output": run.output, "status": status.value, "error": run.error}
    began = run.attempt_at or plan.now
    duration = max(0, round((plan.now - began).total_seconds() * 1000))
    plan.tell(event, run, attempt=run.attempt, timestamp=_ms(plan.now), duration=duration, **data)
    run.scope = None


# What happens to a line of control


def _end_frame(flow: Flow, plan: Plan, frame: Frame, outcome: NodeStatus) -> None:
    if frame.outcome is not None:
        return
    frame.outcome = outcome
    if frame.scope is not None:
        _weigh(flow, plan, frame.scope)


def _fail_line(flow: Flow, plan: Plan, frame: Frame, error: dict[str, Any]) -> None:
    scope = frame.scope
    if scope is None:
        frame.outcome = NodeStatus.FAILED
        if flow.ending is None:
            flow.ending = Ending(ExecutionStatus.FAILED, error)
        return
    scope.error = scope.error or error
    _end_frame(flow, plan, frame, NodeStatus.FAILED)


def _weigh(flow: Flow, plan: Plan, scope: Scope) -> None:
    """A branch has ended: is the scope decided, and has everything that was told to stop ended?"""
    run = scope.run
    if run.status.is_terminal:
        return
    if scope.verdict is None and not run.stopping:
        scope.verdict = joins.verdict(scope, run.node.join)
        if scope.verdict is not None:
            for frame in scope.live():
                _cancel_frame(flow, plan, frame, "another branch decided the join")
    if scope.live() or run.status.is_terminal:
        return
    if run.stopping:
        cancel_run(flow, plan, run, "cancelled")
    elif scope.verdict is NodeStatus.COMPLETED:
        _join(flow, plan, scope)
    else:
        missing = _error("JoinFailed", "too few branches completed", run.node.id)
        _give_up(flow, plan, run, scope.error or missing)


def _join(flow: Flow, plan: Plan, scope: Scope) -> None:
    for frame in scope.frames:
        if frame.outcome is NodeStatus.COMPLETED:
            scope.run.frame.merge(frame.delta)
    complete(flow, plan, scope.run, Done(None, scope.run.node.next))


def _cancel_frame(flow: Flow, plan: Plan, frame: Frame, reason: str) -> None:
    """Stop a line: what waits is cancelled at once, what is in flight is told to stop."""
    if frame.outcome is not None:
        return
    run = frame.run
    if run is None or run.status.is_terminal:
        _end_frame(flow, plan, frame, NodeStatus.CANCELLED)
        return
    run.stopping = True
    if run.scope is not None:
        for inner in run.scope.live():
            _cancel_frame(flow, plan, inner, reason)
    elif run.is_in_flight:
        plan.stop.append(run)
    else:
        cancel_run(flow, plan, run, reason)


def _leaves(run: Run, next_id: str | None) -> bool:
    """Whether the line ends here: nothing follows, or what follows is after the join."""
    scope = run.frame.scope
    return next_id is None or (scope is not None and next_id == scope.run.node.next)


# Where the execution as a whole stands


def _conclude(flow: Flow, plan: Plan) -> None:
    live = list(flow.live_runs())
    if flow.status is ExecutionStatus.QUEUED and flow.ending is None and not flow.held:
        return
    if not live:
        if flow.ending or flow.root.outcome is not None:
            _terminate(flow, plan)
        elif flow.held and flow.status is not ExecutionStatus.PAUSED:
            _paused(flow, plan)
        return
    if flow.ending:
        return
    if any(run.is_in_flight for run in live):
        return
    if flow.held:
        _paused(flow, plan)
    else:
        _waiting(flow, plan, live)


def _terminate(flow: Flow, plan: Plan) -> None:
    ending = flow.ending or _completion(flow)
    flow.ending, flow.status, flow.wait_reason = ending, ending.status, ""
    told: dict[str, Any] = {}
    if ending.status is ExecutionStatus.FAILED and ending.error:
        told = {"error": ending.error["message"], "errorInfo": _told(ending.error)}
    elif ending.status is not ExecutionStatus.COMPLETED:
        told = {"reason": ending.reason, "by": ending.by}
    plan.tell(
        EventType(f"workflow.{ending.status}"),
        executionTime=max(0, round((plan.now - (flow.started_at or plan.now)).total_seconds() * 1000)),
        nodesExecuted=[run.node.id for run in flow.runs if run.started_at is not None],
        **told,
    )


def _completion(flow: Flow) -> Ending:
    """Completed, unless the definition's own outputs cannot be made."""
    if flow.definition.outputs is not None:
        try:
            flow.result = flow.definition.outputs.resolve(flow.scope_of(flow.root))
        except ExpressionError as error:
            return Ending(ExecutionStatus.FAILED, _error("ExpressionError", f"outputs: {error}", None))
    return Ending(ExecutionStatus.COMPLETED)


def _paused(flow: Flow, plan: Plan) -> None:
    if flow.status is not ExecutionStatus.PAUSED:
        flow.status, flow.wait_reason = ExecutionStatus.PAUSED, "paused"
        plan.tell(EventType.WORKFLOW_PAUSED, timestamp=_ms(plan.now), by=flow.held_by)


def _waiting(flow: Flow, plan: Plan, live: list[Run]) -> None:
    parked = [run for run in live if run.available_at is not None]
    if not parked or flow.status is ExecutionStatus.WAITING:
        return
    first = min(parked, key=lambda run: run.available_at)  # type: ignore[arg-type, return-value]
    flow.status, flow.wait_reason = ExecutionStatus.WAITING, f"{first.node.id}: {first.wait_reason}"
    plan.tell(EventType.WORKFLOW_WAITING, timestamp=_ms(plan.now), reason=flow.wait_reason)


def _resumed(flow: Flow, plan: Plan, **data: Any) -> None:
    flow.status, flow.wait_reason = ExecutionStatus.RUNNING, ""
    plan.tell(EventType.WORKFLOW_RESUMED, timestamp=_ms(plan.now), **data)


def _note_attempt(run: Run, plan: Plan, outcome: str, error: dict[str, Any]) -> None:
    run.attempts.append(
        {
            "attempt": run.attempt,
            "outcome": outcome,
            "startTime": _iso(run.attempt_at or plan.now),
            "endTime": _iso(plan.now),
            "error": error,
        }
    )


def _error(name: str, message: str, node_id: str | None) -> dict[str, Any]:
    return {"name": name, "message": message, "nodeId": node_id}


def _told(error: dict[str, Any]) -> dict[str, Any]:
    """An error as events show it: without the stack."""
    return {key: value for key, value in error.items() if key != "stack"}


def _ms(at: Any) -> int:
    return round(at.timestamp() * 1000)


def _iso(at: Any) -> str:
    return str(at.isoformat(timespec="milliseconds").replace("+00:00", "Z"))
