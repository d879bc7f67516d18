"""How a status changes: the one module that turns a step of the flow into guarded rows.

A transition moves one execution from ``expected`` to ``seq`` of its log under one lease token. The journal
writes it whole or not at all: the row of the execution is the guard, node runs and events follow only where
it moved.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import orjson

from executions.conf import conf
from executions.events import run_id
from executions.flow.plan import Fact, Letter, Plan
from executions.flow.state import Flow, Frame, Run, shown
from executions.flow.values import is_too_large
from executions.moments import ms
from executions.states import EventType, ExecutionStatus
from executions.vault.rows import mask_event, mask_moved, mask_run
from executions.vault.stored import column, encode

Row = dict[str, Any]
ITEM_BYTES = 1024
"""The largest item that is told with the start of a node."""


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
    letters: list[Row] = field(default_factory=list)
    children: list[Transition] = field(default_factory=list)
    """New executions that are stored with this one's move, or not at all."""


@dataclass(slots=True)
class Lease:
    """What the holder keeps beside the flow."""

    token: int
    deadline_at: datetime | None = None
    inbox: int = 0
    parent: str | None = None
    parent_run: int | None = None
    """The execution that waits for this one's end, and its run that does."""


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
    made.letters = [_letter(flow, letter) for letter in plan.letters]
    if flow.status.is_terminal and lease.parent is not None:
        made.letters.append(_letter(flow, _report(flow, lease)))
    made.commands = [{"x": flow.execution_id, "id": id, "outcome": "applied"} for id in plan.taken]
    made.children = [_guarded(rows, flow.execution_id) for rows in plan.children]
    made.moved = _moved(flow, plan, lease, was, expected, release)
    if flow.secrets:
        _mask(made, flow)
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
        "result": moved["result"],
        "error": moved["error"],
        "seq": flow.seq,
    }
    made.runs += first.runs
    made.events += first.events
    made.letters += first.letters
    made.children += first.children
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
        "available": None if over else _look_again(release, None if flow.ending else lease.deadline_at),
        "held": flow.held,
        "inbox": lease.inbox,
        "error": failed,
        "result": column(flow.result, flow.secrets),
        "ending": None if over or flow.ending is None else asdict(flow.ending),
        "queue": None,
    }


def _letter(flow: Flow, letter: Letter) -> Row:
    return {"x": flow.execution_id, **letter._asdict(), "payload": column(letter.payload, flow.secrets)}


def _report(flow: Flow, lease: Lease) -> Letter:
    """What the parent is told of the end."""
    assert lease.parent is not None
    error, outputs = flow.ending.error if flow.ending else None, flow.outputs()
    told = {
        "run": lease.parent_run,
        "executionId": flow.execution_id,
        "status": flow.status,
        "outputs": outputs,
        "error": None if error is None else shown(error),
    }
    if is_too_large(outputs):
        told |= {"outputs": None, "tooLarge": True}
    return Letter(lease.parent, "child", told)


def _guarded(rows: Transition, execution_id: str) -> Transition:
    """Stored only where the execution that asked for it moves."""
    assert rows.created is not None
    rows.created["guard"] = execution_id
    return rows


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
        "awaits": run.awaits,
        "details": None if run.details is None else column(run.details, flow.secrets),
        "input": _input(flow, run),
        "output": None if run.output is None else orjson.Fragment(_encoded(flow, run)),
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


def _input(flow: Flow, run: Run) -> Any:
    """Written with each of its rows, made once: unless a secret is known by now that was not then."""
    written = run.written
    if written is None or written[0] is not run.input or flow.secrets:
        written = run.written = (run.input, column(run.input, flow.secrets))
    return written[1]


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
            _add_result(flow, fact.run, data)
        elif fact.type is EventType.NODE_STARTED:
            data |= _origin(flow, fact.run.frame)
    elif fact.type is EventType.WORKFLOW_STARTED:
        data = {"startTime": ms(now), **data}
    return {"x": flow.execution_id, "seq": flow.seq, "type": fact.type, "data": data, "at": now.timestamp()}


def _origin(flow: Flow, frame: Frame) -> Row:
    """Which branch, which item, or what it undoes."""
    if frame.undoes is not None:
        return {"undoes": run_id(flow.execution_id, frame.undoes.index)}
    if frame.scope is None:
        return {}
    told: Row = {"path": path(frame)}
    if frame.scope.items is not None and len(orjson.dumps(frame.item)) <= ITEM_BYTES:
        told["item"] = frame.item
    return told


def _encoded(flow: Flow, run: Run) -> bytes:
    """The output as it is stored; where no attempt has made it, it is made now."""
    if run.encoded is None:
        run.encoded, run.shown = encode(run.output, flow.secrets)
    return run.encoded


def _mask(made: Transition, flow: Flow) -> None:
    for row in made.runs:
        mask_run(row, flow.secrets)
    for row in made.events:
        mask_event(row, flow.secrets)
    if made.moved is not None:
        mask_moved(made.moved, flow.secrets)


def _add_result(flow: Flow, run: Run, data: Row) -> None:
    if run.next_id is not None:
        data["nextNodeId"] = run.next_id
    if run.output is None:
        return
    encoded = _encoded(flow, run)
    encoded = encoded if run.shown is None else run.shown
    if not 0 < len(encoded) <= conf.EVENT_OUTPUT_BYTES:
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
