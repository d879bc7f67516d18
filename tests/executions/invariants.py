"""What must hold: of a flow that was restored, and of the log of an execution that has ended."""

from __future__ import annotations

from collections import Counter
from typing import Any

from executions.flow.state import Flow, Frame, Run, Scope
from executions.flow.undoing import LINE
from executions.states import EventType
from executions.testing.rows import Rows
from workflows.definition import Definition


def told(flow: Flow) -> dict[str, Any]:
    """All of a flow that the rules look at."""
    return {
        "status": flow.status,
        "seq": flow.seq,
        "held": flow.held,
        "nodes": flow.nodes,
        "unstarted": sorted(flow.unstarted),
        "runs": [_run(run) for run in flow.runs],
        "lines": list(_lines(flow)),
    }


def _run(run: Run) -> dict[str, Any]:
    names = (
        *("index", "previous", "status", "attempt", "lost", "started_at", "attempt_at", "ended_at"),
        *("available_at", "wait_reason", "input", "output", "error", "next_id", "attempts", "ended_seq"),
        *("awaits", "details"),
    )
    return {"node": run.node.id, **{name: getattr(run, name) for name in names}}


def _lines(flow: Flow) -> Any:
    """The lines that matter still; how one ended in a scope that is itself told to stop does not."""
    pending: list[Frame] = [flow.root, *flow.undoing]
    while pending:
        frame = pending.pop()
        yield _line(frame)
        run = frame.run
        if frame.outcome is None and run is not None and run.scope is not None:
            yield _scope(run.scope)
            pending.extend(_reached(run.scope))


def _reached(scope: Scope) -> list[Frame]:
    """The branches that have come to their first node: the others leave no trace in the rows."""
    return [frame for frame in scope.in_order() if frame.run is not None]


def _line(frame: Frame) -> dict[str, Any]:
    told: dict[str, Any] = {"live": frame.outcome is None, "run": frame.run and frame.run.index}
    if frame.outcome is None:
        # Why may be told otherwise: by a join, then by a cancel, of which the second is what is remembered.
        stopping = bool(frame.run and not frame.run.status.is_terminal and frame.run.stopping)
        told |= {"vars": frame.vars, "delta": frame.delta, "error": frame.error, "stopping": stopping}
        told |= {"item": frame.item, "index": frame.index, "carried": frame.carried, "nodes": frame.nodes}
    return told


def _scope(scope: Scope) -> dict[str, Any]:
    if scope.run.stopping:
        return {"of": scope.run.index}
    ended = Counter(frame.outcome for frame in _reached(scope))
    return {"of": scope.run.index, "verdict": scope.verdict, "ended": ended, "error": scope.error}


def check_log(rows: Rows, *, in_order: bool = True) -> None:
    """What holds of every log of an execution that has ended.

    ``in_order``: what is reached first starts first, as where no node waits for an executor of its queue.
    """
    events = rows.events
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    ends = [event for event in events if EventType(event["type"]).is_terminal]
    assert ends == [events[-1]], "the terminal event is the last, and there is one"
    executed = events[-1]["data"]["nodesExecuted"]
    places = {_place(event) for event in events if event["type"] == "node.started" or _adopted(event)}
    assert not in_order or places == set(enumerate(executed)), "nodeIndex is the position in nodesExecuted"
    for run in rows.runs:
        name = f"{rows.id}.{run.index}"
        check_attempts(run, [event for event in events if event["data"].get("runId") == name])


def check_undone(rows: Rows, definition: Definition, *, force: bool = False) -> None:
    """What has completed is undone once, the last first, where the execution has not; else nothing is."""
    undone = [run.previous for run in rows.runs if run.branch == LINE and run.scope is None]
    own = [run for run in rows.runs if run.branch != LINE and run.status == "completed"]
    asked = [run for run in own if definition.nodes[run.node_id].compensate and run.adopted_from is None]
    if rows.status == "completed":
        assert undone == []
    else:
        expected = sorted(asked, key=lambda run: run.ended_seq, reverse=True)
        assert undone == [run.index for run in expected][: len(undone) if force else None]


def check_attempts(run: Any, events: list[dict[str, Any]]) -> None:
    """Each attempt starts once and ends once; after the last, nothing."""
    assert run.status in ("completed", "failed", "cancelled", "skipped"), "no run outlives its execution"
    started: list[int] = []
    is_open = False
    for event in events:
        name, attempt = event["type"], event["data"].get("attempt")
        if name == "node.started":
            assert not is_open, "one attempt at a time"
            started.append(attempt)
            is_open = True
        elif name in ENDS and attempt is not None and not event["data"].get("adopted"):
            assert is_open, "what ends has started"
            assert attempt == started[-1]
            is_open = False
    assert not is_open, "what starts ends"
    assert started == list(range(1, len(started) + 1))
    finals = [event["type"] for event in events if event["type"] in FINAL]
    assert finals in ([f"node.{run.status}"], []) and events[-1:] == [e for e in events if e["type"] in FINAL]


ENDS = {"node.completed", "node.failed", "node.retrying", "node.lost", "node.cancelled"}
FINAL = {"node.completed", "node.failed", "node.cancelled", "node.skipped"}


def _place(event: dict[str, Any]) -> tuple[int, str]:
    return event["data"]["nodeIndex"], event["data"]["nodeId"]


def _adopted(event: dict[str, Any]) -> bool:
    return bool(event["data"].get("adopted"))
