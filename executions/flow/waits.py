"""What comes from outside to a run that waits: signals, decisions, events, the ends of other executions."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

from executions.flow import runs
from executions.flow.kinds import Done, wait
from executions.flow.outcomes import Failed
from executions.flow.plan import Plan
from executions.flow.state import Flow, Run, Signal
from executions.flow.values import LARGEST
from executions.moments import iso
from executions.states import NodeStatus


def signal(flow: Flow, plan: Plan, signal: Signal) -> bool:
    """It goes to the run that has waited longest; kept where none does. True: it was taken."""
    for run in _waiting(flow, plan, f"signal:{signal.name}"):
        _give(flow, plan, run, _signalled(plan, signal))
        return True
    flow.signals.append(signal)
    return False


def offer(flow: Flow, plan: Plan, run: Run) -> None:
    """The run has just begun to wait: what it waits for may be here."""
    if run.status is not NodeStatus.WAITING:
        return  # a word has come to it in a transition between
    kind, _, name = run.awaits.partition(":")
    if kind == "event":
        plan.listen.append(run)
    elif kind == "signal":
        kept = next((signal for signal in flow.signals if signal.name == name), None)
        if kept is not None:
            flow.signals.remove(kept)
            plan.taken.append(kept.id)
            _give(flow, plan, run, _signalled(plan, kept))


def decide(flow: Flow, plan: Plan, payload: dict[str, Any], actor: str) -> bool:
    """An approval is given or refused. False: nothing waits for it there any more."""
    run = _run(flow, plan, payload)
    if run is None or run.awaits != wait.APPROVAL:
        return False
    decision, comment = payload.get("decision"), str(payload.get("comment") or "")
    if decision == "approved":
        told = {"decision": decision, "by": actor, "comment": comment, "payload": payload.get("payload")}
        _give(flow, plan, run, {**told, "at": iso(plan.now)})
    else:
        message = f"refused by {actor}" if actor else "refused"
        runs.fail(
            flow, plan, run, {"name": "Refused", "message": f"{message}: {comment}" if comment else message}
        )
    return True


def event(flow: Flow, plan: Plan, payload: dict[str, Any]) -> bool:
    """An event was emitted. False: it comes too late, or a second time."""
    run = _run(flow, plan, payload)
    name, key = payload["name"], payload["key"]
    if run is None or run.awaits != f"event:{name}:{key}" or payload["eventId"] <= _last(flow, run):
        return False
    told = {field: payload[field] for field in ("name", "key", "payload", "eventId", "at")}
    _give(flow, plan, run, told)
    return True


def listens(flow: Flow, run: Run) -> dict[str, Any]:
    """The event that the run waits for, and the last one of its kind that was taken."""
    return {"name": run.input["event"], "key": run.input["key"], "after": _last(flow, run)}


def child(flow: Flow, plan: Plan, payload: dict[str, Any], random: Random) -> bool:
    """An execution that it had started has ended. False: nobody waits for it any more."""
    run = _run(flow, plan, payload)
    if run is None or run.child != payload["executionId"]:
        return False
    if run.stopping:
        runs.cancel(flow, plan, run, run.stopping)
    elif payload["status"] == "completed" and not payload.get("tooLarge"):
        told = {field: payload[field] for field in ("executionId", "status", "outputs")}
        _give(flow, plan, run, told)
    else:
        runs.attempt_failed(flow, plan, run, _failure(payload), random)
    return True


def _failure(payload: dict[str, Any]) -> Failed:
    if payload.get("tooLarge"):
        message = f"the execution {payload['executionId']} gave more than {LARGEST} bytes; name fewer outputs"
        return Failed("LimitExceeded", message, retryable=False)
    error = payload.get("error") or {}
    name = {"cancelled": "ChildCancelled", "timed_out": "ChildTimedOut"}.get(payload["status"], "ChildFailed")
    why = f": {error['message']}" if error.get("message") else ""
    return Failed(name, f"the execution {payload['executionId']} {payload['status'].replace('_', ' ')}{why}")


def _signalled(plan: Plan, signal: Signal) -> dict[str, Any]:
    return {"name": signal.name, "payload": signal.payload, "by": signal.by, "at": iso(plan.now)}


def _give(flow: Flow, plan: Plan, run: Run, output: Any) -> None:
    runs.complete(flow, plan, run, Done(output, run.node.next))


def _waiting(flow: Flow, plan: Plan, awaits: str) -> Iterator[Run]:
    found = [run for run in flow.live_runs() if run.awaits == awaits and _still_waits(flow, plan, run)]
    return iter(sorted(found, key=lambda run: run.index))


def _run(flow: Flow, plan: Plan, payload: dict[str, Any]) -> Run | None:
    """The run that the word is for, if it still waits."""
    index = payload.get("run")
    if not isinstance(index, int) or not 0 <= index < len(flow.runs):
        return None
    run = flow.runs[index]
    return run if _still_waits(flow, plan, run) else None


def _still_waits(flow: Flow, plan: Plan, run: Run) -> bool:
    """Not where its time was up while the execution was held: it fails as soon as that goes on."""
    if run.status is not NodeStatus.WAITING:
        return False
    return not flow.held or run.available_at is None or run.available_at > plan.now


def _last(flow: Flow, run: Run) -> int:
    """The last event of that name and key that was taken on the way to the run.

    Branches beside it do not count: each of them gets what was emitted.
    """
    taken = (
        earlier.output["eventId"]
        for earlier in flow.runs
        if earlier.awaits == run.awaits and earlier.status is NodeStatus.COMPLETED and _precedes(earlier, run)
    )
    return max(taken, default=0)


def _precedes(earlier: Run, run: Run) -> bool:
    """Whether the one had to end for the other to begin."""
    on_the_way = {}
    at: Run | None = run
    while at is not None:
        on_the_way[at.frame] = at
        at = at.frame.scope.run if at.frame.scope else None
    at = earlier
    while at.frame not in on_the_way:
        if at.frame.scope is None:
            return False
        at = at.frame.scope.run
    other = on_the_way[at.frame]
    # Within one scope, but in different branches of it: only a loop's come one after the other.
    return at.index < other.index or (at is other and at.node.kind == "loop")
