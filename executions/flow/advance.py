"""The rules of flow: what follows from what has happened. Deterministic, and free of I/O.

Every entry takes the flow and the plan of the transition in the making, changes the one and adds to the
other; ``settle`` then runs what has become due and decides where the execution as a whole stands.
"""

from __future__ import annotations

from datetime import datetime
from random import Random
from typing import Any

from executions.flow import runs, scopes, standing, waits
from executions.flow.kinds import KINDS, Done, Resumes
from executions.flow.moves import move
from executions.flow.outcomes import Called, Completed, Failed, Lost, Outcome, Stopped, unseen
from executions.flow.plan import Plan, Word
from executions.flow.restore import follow, open_scopes
from executions.flow.state import Ending, Flow, Frame, Run, Signal, know, shown
from executions.states import EventType, ExecutionStatus, NodeStatus

INLINE_LIMIT = 200
"""Nodes that one transition may come to, so that a cycle of conditions cannot hold the loop."""
ADOPTED = {
    NodeStatus.RUNNING: EventType.NODE_STARTED,
    NodeStatus.COMPLETED: EventType.NODE_COMPLETED,
    NodeStatus.FAILED: EventType.NODE_FAILED,
    NodeStatus.CANCELLED: EventType.NODE_CANCELLED,
    NodeStatus.SKIPPED: EventType.NODE_SKIPPED,
}
"""What is told of a run that came with the execution; one that is running is a scope, opened again."""


def begin(flow: Flow, plan: Plan) -> None:
    """Claimed for the first time."""
    flow.started_at = plan.now
    total: dict[str, Any] = {"totalNodes": flow.definition.node_count} if flow.definition.is_static else {}
    move(flow, plan, "start", **total)
    for run in flow.runs:
        _adopt(flow, plan, run)
    mend(flow, plan)


def mend(flow: Flow, plan: Plan) -> None:
    """Go on at the seams: what lines were to come to, and scopes to open, when the rows were written."""
    follow(flow, plan)
    if flow.ending is None:
        plan.undecided.extend(open_scopes(flow))
    scopes.weigh(flow, plan)
    waiting = (run for run in flow.live_runs() if run.status is NodeStatus.WAITING)
    plan.listen.extend(run for run in waiting if run.awaits.startswith("event:"))
    if flow.damage is not None:
        finish(flow, plan, Ending(ExecutionStatus.FAILED, flow.damage))


def take_up(flow: Flow, plan: Plan, deadline: datetime | None, lost: Lost, most_lost: int) -> None:
    """Claimed: begin, or go on from where the rows stand. Whatever was in flight is lost."""
    if flow.started_at is not None:
        mend(flow, plan)
    expire(flow, plan, deadline)
    lose(flow, plan, lost, most_lost)
    if flow.started_at is not None:
        start_pending(flow, plan)
        due(flow, plan)
    elif not (flow.held or flow.ending or flow.gated):
        begin(flow, plan)


def ended(flow: Flow, plan: Plan, run: Run, outcome: Outcome, random: Random) -> None:
    """An attempt has ended. An answer to a run that is over already is dropped."""
    if not run.is_in_flight:
        return
    outcome = unseen(outcome, flow.secrets)
    run.spans.extend(outcome.spans)
    if run.stopping and scopes.is_decided(run.frame):
        outcome = Stopped()
    match outcome:
        case Completed():
            run.encoded, run.shown = outcome.encoded, outcome.shown
            runs.complete(flow, plan, run, Done(outcome.output, run.node.next))
        case Failed():
            runs.attempt_failed(flow, plan, run, outcome, random)
        case Called():
            runs.call(flow, plan, run, outcome)
        case Stopped() if run.stopping:
            runs.cancel(flow, plan, run, outcome.reason or run.stopping)
        case Stopped():
            failed = Failed("Cancelled", "it ended as cancelled, though nobody had told it to stop")
            runs.attempt_failed(flow, plan, run, failed, random)
    scopes.weigh(flow, plan)


def due(flow: Flow, plan: Plan) -> None:
    """Move on every run whose time has come."""
    ready = [(run.available_at, run.index) for run in flow.timed_runs() if _is_due(run, plan)]
    if ready:
        _wake_up(flow, plan, "due")
    for _, index in sorted(ready):
        run = flow.runs[index]
        if _is_due(run, plan):
            _wake(flow, plan, run)
            scopes.weigh(flow, plan)


def hold(flow: Flow, plan: Plan, by: str) -> None:
    """Pause: what is in flight finishes, nothing new starts."""
    flow.held, flow.held_by = True, by


def release(flow: Flow, plan: Plan, by: str) -> None:
    """Resume: what has been reached meanwhile starts."""
    flow.held, flow.held_by = False, ""
    if flow.status is ExecutionStatus.PAUSED and flow.gated:
        move(flow, plan, "requeue", timestamp=plan.ms, **standing.given(by=by))
    elif flow.status is ExecutionStatus.PAUSED:
        move(flow, plan, "resume", timestamp=plan.ms, **standing.given(by=by))
        if flow.started_at is None:
            begin(flow, plan)
    start_pending(flow, plan)
    due(flow, plan)


def start_pending(flow: Flow, plan: Plan) -> None:
    """Start what has been reached and not started: held back by a pause, or lost with an executor."""
    pending = [run for run in flow.live_runs() if run.status is NodeStatus.PENDING]
    for run in sorted(pending, key=lambda run: run.index):
        if run.status is NodeStatus.PENDING and flow.may_go_on(run):
            runs.start(flow, plan, run)
            scopes.weigh(flow, plan)


def lose(flow: Flow, plan: Plan, lost: Lost, most: int) -> None:
    """Every attempt in flight is gone: with a dead executor, or with this one as it stops."""
    for run in [run for run in flow.live_runs() if run.is_in_flight]:
        lose_one(flow, plan, run, lost, most)


def lose_one(flow: Flow, plan: Plan, run: Run, lost: Lost, most: int) -> None:
    """This attempt is gone, if it is in flight."""
    if run.is_in_flight:
        runs.attempt_lost(flow, plan, run, lost, most)
        scopes.weigh(flow, plan)


def expire(flow: Flow, plan: Plan, deadline: datetime | None) -> None:
    """Give up where the deadline has passed."""
    if deadline is not None and deadline <= plan.now:
        finish(flow, plan, Ending(ExecutionStatus.TIMED_OUT, reason="the deadline has passed"))


def finish(flow: Flow, plan: Plan, ending: Ending) -> None:
    """Cancel, or give up: stop what is in flight, then end so. The first word stands, if it can be kept."""
    if flow.status.is_terminal or (flow.ending and ending.status is not ExecutionStatus.FAILED):
        return
    flow.ending = ending
    plan.agenda.clear()
    if ending.status is ExecutionStatus.CANCELLED:
        told = standing.given(reason=ending.reason, by=ending.by)
        move(flow, plan, "cancel", timestamp=plan.ms, **told)
    scopes.stop(flow, plan, [flow.root], ending.why)
    scopes.weigh(flow, plan)


def terminate(flow: Flow, plan: Plan, reason: str, by: str) -> None:
    """End it now: nothing in flight is waited for, nothing is undone."""
    if flow.ending is None:
        finish(flow, plan, Ending(ExecutionStatus.CANCELLED, reason=reason, by=by, force=True))
    else:
        flow.ending.force = True
    for run in [run for run in flow.live_runs() if run.scope is None]:
        if run.child is not None:
            plan.send(run.child, "cancel", {"reason": f"its parent: {reason or 'terminated'}", "force": True})
        runs.cancel(flow, plan, run, run.stopping or reason or "terminated")
        scopes.weigh(flow, plan)


def obey(flow: Flow, plan: Plan, kind: str, payload: dict[str, Any], actor: str) -> bool:
    """A command from outside. False: it came too late and changes nothing."""
    if flow.status.is_terminal:
        return False
    if kind == "cancel" and payload.get("force"):
        terminate(flow, plan, payload.get("reason") or "", actor)
        return True
    if flow.ending is not None:
        return False
    match kind:
        case "cancel":
            reason = payload.get("reason") or ""
            finish(flow, plan, Ending(ExecutionStatus.CANCELLED, reason=reason, by=actor))
        case "pause" if not flow.held:
            hold(flow, plan, actor)
        case "resume" if flow.held:
            release(flow, plan, actor)
        case _:
            return False
    return True


def hear(flow: Flow, plan: Plan, word: Word, random: Random) -> bool | None:
    """Something comes for a run that waits. False: it came too late; None: it is kept until one waits."""
    if flow.status.is_terminal or (flow.ending is not None and word.kind != "child"):
        return False
    before = len(plan.facts)
    if word.kind == "signal":
        signal = Signal(word.id, word.payload["name"], word.payload.get("payload"), word.actor)
        taken: bool | None = waits.signal(flow, plan, signal) or None
    elif word.kind == "decide":
        taken = waits.decide(flow, plan, word.payload, word.actor)
    elif word.kind == "event":
        taken = waits.event(flow, plan, word.payload)
    else:
        taken = waits.child(flow, plan, word.payload, random)
    if taken and flow.status is ExecutionStatus.WAITING:
        _wake_up(flow, plan, word.kind)
        plan.facts.insert(before, plan.facts.pop())
    scopes.weigh(flow, plan)
    return taken


def progress(flow: Flow, plan: Plan, index: int, data: dict[str, Any]) -> None:
    """User code tells how far it is."""
    run = flow.runs[index]
    if run.is_in_flight:
        plan.tell(EventType.NODE_PROGRESS, run, attempt=run.attempt, **data, timestamp=plan.ms)


def beat(flow: Flow, plan: Plan, index: int, details: Any) -> None:
    """User code tells where it stands; no event, for it may do so every second."""
    run = flow.runs[index]
    if run.is_in_flight:
        run.details = details
        plan.touched[index] = run


def settle(flow: Flow, plan: Plan) -> bool:
    """Run the agenda and decide the execution's status. True: there is more to do at once."""
    for _ in range(INLINE_LIMIT):
        if plan.parked:
            waits.offer(flow, plan, plan.parked.popleft())
            scopes.weigh(flow, plan)
        elif plan.agenda:
            _arrive(flow, plan, *plan.agenda.popleft())
        elif not standing.conclude(flow, plan):
            return False
    return plan.has_more or standing.conclude(flow, plan)


def _arrive(flow: Flow, plan: Plan, frame: Frame, node_id: str, previous: int | None) -> None:
    """A line comes to a node, if it may still go on."""
    if frame.outcome is not None or flow.ending is not None:
        return
    limit = flow.definition.limits.node_runs
    if len(flow.runs) >= limit:
        message = f"more than {limit} node runs (limits.nodeRuns)"
        error = {"name": "LimitExceeded", "message": message, "nodeId": node_id}
        finish(flow, plan, Ending(ExecutionStatus.FAILED, error))
        return
    runs.reach(flow, plan, frame, node_id, previous)
    scopes.weigh(flow, plan)


def _is_due(run: Run, plan: Plan) -> bool:
    return run.available_at is not None and run.available_at <= plan.now


def _wake(flow: Flow, plan: Plan, run: Run) -> None:
    if run.status is NodeStatus.RETRYING:
        runs.start(flow, plan, run)
        return
    kind = KINDS[run.node.kind]
    assert isinstance(kind, Resumes)
    try:
        done = kind.resume(flow, run, plan.now)
    except Exception as error:
        runs.fail(flow, plan, run, runs.told(error))
    else:
        runs.complete(flow, plan, run, done)


def _wake_up(flow: Flow, plan: Plan, reason: str) -> None:
    if flow.status is ExecutionStatus.WAITING:
        move(flow, plan, "resume", timestamp=plan.ms, reason=reason)


def _adopt(flow: Flow, plan: Plan, run: Run) -> None:
    """A result that comes from another execution: told, not run."""
    run.started_at = run.attempt_at = plan.now
    told: dict[str, Any] = {"attempt": run.attempt, "timestamp": plan.ms}
    if run.status.is_terminal:
        run.ended_at = plan.now
        know(flow, run)
        told |= {"duration": 0, "adopted": True}
    if run.status is NodeStatus.CANCELLED:
        told["reason"] = run.status.value
    if run.status is NodeStatus.FAILED:
        told |= {"error": shown(run.error or {}), **standing.given(handledBy=run.next_id or "")}
    plan.tell(ADOPTED[run.status], run, **told)
