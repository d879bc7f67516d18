"""How a status changes: the one module that turns a step of the flow into guarded rows.

A transition moves one execution from ``expected`` to ``seq`` of its log under one lease token. The journal
writes it whole or not at all: the row of the execution is the guard, node runs and events follow only where
it moved.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from executions.conf import conf
from executions.events import run_id
from executions.flow.plan import Fact, Plan
from executions.flow.state import Flow, Frame, Run
from executions.moments import ms
from executions.states import EventType, ExecutionStatus

Row = dict[str, Any]


@dataclass(slots=True)
class Transition:
    """Rows as the journal's statement reads them; times are epoch seconds."""

    execution_id: str
    token: int
    expected: int
    seq: int
    created: Row | None = None
    moved: Row | None = None
    runs: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)
    commands: list[Row] = field(default_factory=list)


@dataclass(slots=True)
class Lease:
    """What the holder keeps beside the flow."""

    token: int
    deadline_at: datetime | None = None
    inbox: int = 0


def build(
    flow: Flow, plan: Plan, lease: Lease, was: ExecutionStatus, *, release: datetime | bool = False
) -> Transition:
    """The rows of one step. ``release``: give the lease back until then (True: until a command comes)."""
    expected = flow.seq
    made = Transition(flow.execution_id, lease.token, expected, expected + len(plan.facts))
    for fact in plan.facts:
        flow.seq += 1
        made.events.append(_event(flow, fact, plan.now))
        if fact.run is not None and fact.type in _ENDS:
            fact.run.ended_seq = flow.seq
    made.runs = [_run(flow, run) for run in plan.touched.values()]
    made.moved = _moved(flow, plan, lease, was, expected, release)
    return made


def extend_created(made: Transition, flow: Flow, plan: Plan, lease: Lease) -> None:
    """Let a new execution begin in the transition that stores it: one commit instead of two and a claim."""
    first = build(flow, plan, lease, ExecutionStatus.QUEUED)
    moved, first.moved = first.moved, None
    assert made.created is not None and moved is not None
    made.created |= {
        "status": flow.status,
        "started": moved["started"],
        "ended": moved["ended"],
        "result": flow.result,
        "error": moved["error"],
        "seq": flow.seq,
    }
    made.runs += first.runs
    made.events += first.events
    made.seq = flow.seq


_ENDS = {EventType.NODE_COMPLETED, EventType.NODE_FAILED, EventType.NODE_CANCELLED, EventType.NODE_SKIPPED}


def _moved(
    flow: Flow, plan: Plan, lease: Lease, was: ExecutionStatus, expected: int, release: datetime | bool
) -> Row:
    over = flow.status.is_terminal
    failed = flow.ending.error if over and flow.ending else None
    return {
        "id": flow.execution_id,
        "token": lease.token,
        "expected": expected,
        "seq": flow.seq,
        "was": was,
        "status": flow.status,
        "reason": flow.wait_reason[:200],
        "started": epoch(flow.started_at),
        "ended": epoch(plan.now) if over else None,
        "release": over or release is not False,
        "available": None if over else _look_again(release, lease.deadline_at),
        "held": flow.held,
        "inbox": lease.inbox,
        "error": failed,
        "result": flow.result,
    }


def _look_again(release: datetime | bool, deadline: datetime | None) -> float | None:
    moments = [at for at in (release, deadline) if isinstance(at, datetime)]
    return epoch(min(moments)) if moments else None


def _run(flow: Flow, run: Run) -> Row:
    row: Row = {
        "x": flow.execution_id,
        "i": run.index,
        "fresh": not run.stored,
        "status": run.status,
        "reason": run.wait_reason[:200],
        "attempt": run.attempt,
        "lost": run.lost,
        "input": run.input,
        "output": orjson.Fragment(run.encoded) if run.encoded is not None else run.output,
        "error": run.error,
        "next": run.next_id,
        "attempts": run.attempts,
        "spans": run.spans,
        "started": epoch(run.started_at),
        "began": epoch(run.attempt_at),
        "ended": epoch(run.ended_at),
        "available": epoch(run.available_at),
        "eseq": run.ended_seq,
    }
    if not run.stored:
        run.stored = True
        row |= _place(run, run.frame)
    return row


def _place(run: Run, frame: Frame) -> Row:
    """What never changes about a run."""
    return {
        "node": run.node.id,
        "kind": run.node.kind,
        "procedure": run.node.procedure or "",
        "previous": run.previous,
        "scope": frame.scope.run.index if frame.scope else None,
        "branch": frame.branch,
        "adopted": run.adopted_from,
    }


def _event(flow: Flow, fact: Fact, now: datetime) -> Row:
    data = fact.data
    if fact.run is not None:
        data = {
            "nodeId": fact.run.node.id,
            "nodeIndex": flow.position(fact.run),
            "runId": run_id(flow.execution_id, fact.run.index),
            **data,
        }
        if fact.type is EventType.NODE_COMPLETED:
            _add_result(fact.run, data)
        elif fact.type is EventType.NODE_STARTED and fact.run.frame.scope is not None:
            data["path"] = path(fact.run.frame)
    elif fact.type is EventType.WORKFLOW_STARTED:
        data = {"startTime": ms(now), **data}
    return {"x": flow.execution_id, "seq": flow.seq, "type": fact.type, "data": data, "at": now.timestamp()}


def _add_result(run: Run, data: Row) -> None:
    if run.next_id is not None:
        data["nextNodeId"] = run.next_id
    if run.output is None:
        return
    encoded = run.encoded if run.encoded is not None else orjson.dumps(run.output)
    if len(encoded) > conf.EVENT_OUTPUT_BYTES:
        data["outputTruncated"] = True
    else:
        data["output"] = orjson.Fragment(encoded)


def path(frame: Frame) -> str:
    """Where a branch is: the scopes' own nodes and branch numbers, outermost first, as ``fork/0``."""
    parts: list[str] = []
    at: Frame | None = frame
    while at is not None and at.scope is not None:
        parts.append(f"{at.scope.run.node.id}/{at.branch}")
        at = at.scope.run.frame
    return "/".join(reversed(parts))


def epoch(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()
