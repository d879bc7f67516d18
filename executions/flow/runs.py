"""What happens to one run, and with it to its line of control."""

from __future__ import annotations

from bisect import insort
from dataclasses import replace
from datetime import timedelta
from math import isfinite
from random import Random
from typing import Any

from executions.flow.kinds import KINDS, Attempt, Done, Open, Park, Refused, subworkflow
from executions.flow.moves import move_run
from executions.flow.outcomes import Called, Failed, Lost
from executions.flow.plan import Plan
from executions.flow.state import Ending, Flow, Frame, Run, caught, know, shown
from executions.moments import elapsed, iso, ms
from executions.states import ExecutionStatus, NodeStatus
from workflows.kinds.delay import LONGEST
from workflows.policies import RetryPolicy


def reach(flow: Flow, plan: Plan, frame: Frame, node_id: str, previous: int | None) -> None:
    """A line has come to a node: make its run, and start it unless it is held, or not served here."""
    run = Run(len(flow.runs), flow.definition.nodes[node_id], frame, previous)
    flow.runs.append(run)
    frame.run = run
    is_served = flow.serves(run.node.queue)
    if not is_served:
        run.wait_reason = f"waiting for an executor that serves the queue {run.node.queue}"
    if flow.held or not is_served:
        plan.touched[run.index] = run
    else:
        start(flow, plan, run)


def start(flow: Flow, plan: Plan, run: Run) -> None:
    """The run's next attempt; what is no user code is over in the same step."""
    if run.status is NodeStatus.RETRYING:
        run.attempt += 1
    run.available_at, run.wait_reason, run.awaits, run.attempt_at = None, "", "", plan.now
    run.started_at = run.started_at or plan.now
    move_run(plan, run, "start", attempt=run.attempt)
    try:
        verdict = KINDS[run.node.kind].start(flow, run, plan.now)
    except Exception as error:  # what a definition's expressions come to fails their node, never the executor
        fail(flow, plan, run, told(error))
        return
    match verdict:
        case Done():
            complete(flow, plan, run, verdict)
        case Attempt():
            plan.launch.append(run)
        case Park():
            park(flow, plan, run, verdict)
        case Open():
            run.scope = verdict.scope
            plan.undecided.append(verdict.scope)


def park(flow: Flow, plan: Plan, run: Run, parked: Park) -> None:
    """Until its time has come, or what it waits for."""
    run.available_at, run.wait_reason, run.awaits = parked.until, parked.reason, parked.awaits
    until = {} if parked.until is None else {"until": ms(parked.until)}
    move_run(plan, run, "park", attempt=run.attempt, reason=parked.reason, **until)
    plan.parked.append(run)


def call(flow: Flow, plan: Plan, run: Run, called: Called) -> None:
    """The execution that it asked for is stored with this step; wait for its end."""
    if run.stopping:
        cancel(flow, plan, run, run.stopping)
        return
    plan.children.append(called.rows)
    park(flow, plan, run, Park(None, f"waiting for the execution {called.child}", f"child:{called.child}"))


def skip(flow: Flow, plan: Plan, frame: Frame, reason: str) -> None:
    """The line's first node is not to run."""
    run = Run(len(flow.runs), flow.definition.nodes[frame.first], frame)
    run.previous = frame.scope.run.index if frame.scope else None
    flow.runs.append(run)
    frame.run = run
    insort(flow.unstarted, run.index)
    _end(flow, plan, run, "skip", ends_attempt=False, reason=reason)
    end_line(flow, plan, frame, NodeStatus.SKIPPED)


def told(error: Exception) -> dict[str, Any]:
    """The failure of a node that is no failure of user code."""
    name = error.name if isinstance(error, Refused) else type(error).__name__
    return {"name": name, "message": str(error)}


def added(run: Run) -> Any:
    """What a completed run's output adds to the variables."""
    match run.node.kind:
        case "procedure":
            return run.output
        case "subworkflow":
            return subworkflow.added(run)
    return None


def complete(flow: Flow, plan: Plan, run: Run, done: Done) -> None:
    run.output, run.error = done.output, None
    run.next_id = done.next_id if run.leads_to(done.next_id) else None
    run.frame.merge(added(run))
    _end(flow, plan, run, "complete")
    if run.stopping:
        end_line(flow, plan, run.frame, NodeStatus.CANCELLED)
    elif run.next_id is None:
        end_line(flow, plan, run.frame, NodeStatus.COMPLETED)
    else:
        plan.agenda.append((run.frame, run.next_id, run.index))


def fail(flow: Flow, plan: Plan, run: Run, error: dict[str, Any]) -> None:
    """For good: its handler takes over, else its line fails."""
    error = flow.secrets.masked(error) if flow.secrets else error
    run.error, run.next_id = error, run.node.on_error
    handled: dict[str, Any] = {"handledBy": run.next_id} if run.next_id else {}
    _end(flow, plan, run, "fail", error=shown(error), **handled)
    if run.next_id is None:
        end_line(flow, plan, run.frame, NodeStatus.FAILED, {**error, "nodeId": caught(run)["nodeId"]})
        return
    run.frame.error = caught(run)
    if run.leads_to(run.next_id):
        plan.agenda.append((run.frame, run.next_id, run.index))
    else:
        end_line(flow, plan, run.frame, NodeStatus.COMPLETED)


def cancel(flow: Flow, plan: Plan, run: Run, reason: str) -> None:
    """It does not go on. The event names the attempt that it ends: none before the first, or between two."""
    ends_one = run.attempt_at is not None and run.status in (NodeStatus.RUNNING, NodeStatus.WAITING)
    if run.started_at is None:
        insort(flow.unstarted, run.index)
    _end(flow, plan, run, "cancel", ends_attempt=ends_one, reason=reason)
    end_line(flow, plan, run.frame, NodeStatus.CANCELLED)


def attempt_failed(flow: Flow, plan: Plan, run: Run, failed: Failed, random: Random) -> None:
    """Try again where the policy permits it."""
    if run.stopping:
        cancel(flow, plan, run, run.stopping)
        return
    delay = _retry_delay(run, plan, failed, random)
    if delay is None:
        fail(flow, plan, run, failed.error)
        return
    _note_attempt(run, plan, "failed", failed.error)
    run.error = failed.error
    run.available_at = plan.now + timedelta(seconds=delay)
    run.wait_reason = f"attempt {run.attempt + 1} after back-off"
    told = {"error": shown(failed.error), "retryAt": ms(run.available_at)}
    move_run(plan, run, "retry", attempt=run.attempt, **told)


def attempt_lost(flow: Flow, plan: Plan, run: Run, lost: Lost, most: int) -> None:
    """Back to where it can start again, unless too many were lost: it may be what kills its executors."""
    run.lost += lost.counts
    if run.stopping:
        cancel(flow, plan, run, run.stopping)
    elif lost.counts and run.lost >= most:
        message = f"{run.lost} attempts were lost with their executors"
        fail(flow, plan, run, {"name": "AttemptsLost", "message": message})
    else:
        _note_attempt(run, plan, "lost", {"name": "AttemptLost", "message": lost.reason})
        move_run(plan, run, "lose", attempt=run.attempt, reason=lost.reason)
        run.attempt += 1


def end_line(
    flow: Flow, plan: Plan, frame: Frame, outcome: NodeStatus, error: dict[str, Any] | None = None
) -> None:
    """Nothing follows on this line: its scope is to be weighed, or the execution has come to its end."""
    frame.end(outcome)
    if frame.scope is not None:
        frame.scope.error = frame.scope.error or error
        plan.undecided.append(frame.scope)
    elif outcome is NodeStatus.FAILED and flow.ending is None and flow.status is not ExecutionStatus.PAUSED:
        flow.ending = Ending(ExecutionStatus.FAILED, error)


def _end(flow: Flow, plan: Plan, run: Run, name: str, *, ends_attempt: bool = True, **data: Any) -> None:
    if ends_attempt:
        began = run.attempt_at or plan.now
        data["attempt"] = run.attempt
        data["duration"] = elapsed(began, plan.now)
    move_run(plan, run, name, **data)
    run.ended_at, run.available_at, run.wait_reason, run.scope = plan.now, None, "", None
    know(flow, run)


def _retry_delay(run: Run, plan: Plan, failed: Failed, random: Random) -> float | None:
    """Seconds until the next attempt; None where there is none."""
    policy = run.node.retry or (RetryPolicy() if failed.asked_to_retry else None)
    if policy is None or not failed.retryable:
        return None
    if failed.asked_to_retry:
        # The procedure knows better which of its failures pass; how often, stays the definition's word.
        policy = replace(policy, retry_on=(), non_retryable=())
    tried = run.tries + 1
    elapsed = (plan.now - (run.started_at or plan.now)).total_seconds()
    if not policy.permits(failed.name, tried, elapsed, failed.names):
        return None
    asked = _seconds(failed.retry_after)
    return min(LONGEST, policy.delay(tried, random.random())) if asked is None else asked


def _seconds(value: Any) -> float | None:
    """What user code asked for, where it can be waited for."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        return None
    return min(LONGEST, max(0.0, value))


def _note_attempt(run: Run, plan: Plan, outcome: str, error: dict[str, Any]) -> None:
    run.attempts.append(
        {
            "attempt": run.attempt,
            "outcome": outcome,
            "startTime": iso(run.attempt_at or plan.now),
            "endTime": iso(plan.now),
            "error": error,
        }
    )
