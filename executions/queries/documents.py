"""The contract's *Execution*, folded from rows that the caller has loaded. Pure: no query is made here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from django.utils import timezone

from executions.conf import conf
from executions.events import run_id
from executions.models import Execution, NodeRun
from executions.moments import elapsed, iso
from executions.states import ExecutionStatus, NodeStatus
from executions.vault.stored import Elsewhere

GIVES_OUTPUT = frozenset({"procedure", "trigger", "delay"})

Fits = Callable[[Any], bool]
TOO_LARGE = object()
"""Stands for a value that the query left out because of its size."""


def anything(value: Any) -> bool:
    """What lies in the database, however large."""
    return value is not TOO_LARGE and not isinstance(value, Elsewhere)


def within(limit: int) -> Fits:
    """Values of at most ``limit`` bytes of JSON, each by itself."""
    return lambda value: anything(value) and _size(value) <= limit


def altogether(limit: int) -> Fits:
    """Values while they have at most ``limit`` bytes of JSON altogether. Made anew for each execution."""
    left = limit

    def fits(value: Any) -> bool:
        nonlocal left
        size = _size(value) if anything(value) else limit + 1
        if size > left:
            return False
        left -= size
        return True

    return fits


@dataclass(frozen=True, slots=True)
class Telling:
    """How much of an execution is told; values that do not fit are left out and said to be."""

    inputs: bool = True
    outputs: bool = True
    stack: bool = False
    fits: Fits = anything


def document(
    execution: Execution,
    runs: Sequence[NodeRun],
    *,
    number: int,
    total: int | None,
    telling: Telling,
    spans: list[dict[str, Any]],
) -> dict[str, Any]:
    """``number`` is the version's, ``total`` the nodes that will run (None where nobody can know)."""
    told = outputs(execution, runs, telling.fits)
    return {
        **_what(execution, number),
        **_told("input", execution.input, anything(execution.input)),
        **_times(execution),
        "nodesExecuted": nodes_executed(runs),
        "nodeDetails": node_details(runs, telling),
        **told,
        **_error(execution, stack=telling.stack),
        "progress": progress(execution, done_of(runs), total),
        **_origin(execution),
        "spans": spans,
    }


def nodes_executed(runs: Iterable[NodeRun]) -> list[str]:
    """Node ids in the order in which their runs started."""
    return [run.node_id for run in runs if run.started_at is not None or run.attempts]


def outputs(execution: Execution, runs: Iterable[NodeRun], fits: Fits) -> dict[str, Any]:
    """``outputs`` by node id, or as the definition names them; ``outputsTruncated`` where some do not fit."""
    if execution.result is not None:
        found = {"result": execution.result} if not isinstance(execution.result, dict) else execution.result
    else:
        found = {run.node_id: run.output for run in runs if _has_output(run)}
    kept = {name: value for name, value in found.items() if fits(value)}
    return {"outputs": kept} if len(kept) == len(found) else {"outputs": kept, "outputsTruncated": True}


def node_details(runs: Iterable[NodeRun], telling: Telling) -> dict[str, Any]:
    """By node id the last run; of a node that ran more than once also the newest ``runs``."""
    by_node: dict[str, list[NodeRun]] = {}
    for run in runs:
        by_node.setdefault(run.node_id, []).append(run)
    return {node_id: _node(found, telling) for node_id, found in by_node.items()}


def node_run(run: NodeRun, telling: Telling) -> dict[str, Any]:
    """One node run, as in ``nodeDetails``."""
    detail: dict[str, Any] = {
        "nodeId": run.node_id,
        "runId": run_id(run.execution_id, run.index),
        "kind": run.kind,
        "status": run.status,
    }
    if run.started_at is not None:
        detail["startTime"] = iso(run.started_at)
    if run.ended_at is not None:
        detail["endTime"] = iso(run.ended_at)
        detail["duration"] = elapsed(run.started_at or run.ended_at, run.ended_at)
    detail["attempt"] = run.attempt
    return detail | _values(run, telling) | _trouble(run, telling)


def output_url(run: NodeRun) -> str:
    """Where the output is to be had, however large."""
    return f"/workflow/executions/{run.execution_id}/nodes/{run_id(run.execution_id, run.index)}/output"


def progress(execution: Execution, done: int, total: int | None) -> dict[str, Any] | None:
    """``{done, total, percent, etaMs?}``; None where the number of node runs cannot be known beforehand."""
    if total is None:
        return None
    if execution.status == ExecutionStatus.COMPLETED:
        return {"done": done, "total": total, "percent": 100}
    told: dict[str, Any] = {"done": done, "total": total, "percent": min(99, 100 * done // max(1, total))}
    if execution.status == ExecutionStatus.RUNNING and execution.started_at and 0 < done < total:
        spent = elapsed(execution.started_at, timezone.now())
        told["etaMs"] = spent * (total - done) // done
    return told


def done_of(runs: Iterable[NodeRun]) -> int:
    return len({run.node_id for run in runs if NodeStatus(run.status).is_terminal})


def execution_time(execution: Execution) -> int | None:
    """Milliseconds from the first claim to the end; None before the end."""
    if execution.ended_at is None:
        return None
    return elapsed(execution.started_at or execution.ended_at, execution.ended_at)


def error(execution: Execution, *, stack: bool) -> dict[str, Any] | None:
    return _without_stack(execution.error, stack=stack)


def _what(execution: Execution, number: int) -> dict[str, Any]:
    return {
        "executionId": execution.id,
        "workflowId": execution.workflow_id,
        "workflowName": execution.workflow_name,
        "workflowVersion": number,
        "status": execution.status,
        **({"waitReason": execution.wait_reason} if execution.wait_reason else {}),
    }


def _times(execution: Execution) -> dict[str, Any]:
    told: dict[str, Any] = {"queuedAt": iso(execution.queued_at)}
    if execution.started_at is not None:
        told["startTime"] = iso(execution.started_at)
    if execution.ended_at is not None:
        told["endTime"] = iso(execution.ended_at)
        told["executionTime"] = execution_time(execution)
    return told


def _origin(execution: Execution) -> dict[str, Any]:
    links = {
        "parentExecutionId": execution.parent_id,
        "retryOf": execution.retry_of_id,
        "rerunOf": execution.rerun_of_id,
        "key": execution.key,
    }
    known = {name: value for name, value in links.items() if value is not None}
    return {"trigger": execution.trigger, **known, "tags": execution.tags, "priority": execution.priority}


def _error(execution: Execution, *, stack: bool) -> dict[str, Any]:
    found = error(execution, stack=stack)
    return {} if found is None else {"error": found}


def _node(runs: list[NodeRun], telling: Telling) -> dict[str, Any]:
    last = node_run(runs[-1], telling)
    if len(runs) > 1:
        last["runs"] = [node_run(run, telling) for run in runs[-conf.RUNS_PER_NODE :]]
    return last


def _values(run: NodeRun, telling: Telling) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if telling.inputs and run.input is not None:
        told |= _told("input", run.input, telling.fits(run.input))
    if telling.outputs and _has_output(run):
        told |= _told("output", run.output, telling.fits(run.output))
        if isinstance(run.output, Elsewhere):
            told["outputBytes"] = run.output["bytes"]
            told["outputUrl"] = output_url(run)
    return told


def _told(name: str, value: Any, fits: bool) -> dict[str, Any]:
    return {name: value} if fits else {f"{name}Truncated": True}


def _size(value: Any) -> int:
    return len(orjson.dumps(value))


def _trouble(run: NodeRun, telling: Telling) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if run.error is not None:
        told["error"] = _without_stack(run.error, stack=telling.stack)
    if run.wait_reason:
        told["waitReason"] = run.wait_reason
    if run.available_at is not None and run.status in (NodeStatus.WAITING, NodeStatus.RETRYING):
        told["until"] = iso(run.available_at)
    if run.adopted_from:
        told["adoptedFrom"] = run.adopted_from
    return told


def _has_output(run: NodeRun) -> bool:
    if run.status != NodeStatus.COMPLETED:
        return False
    return run.output is not None or run.kind in GIVES_OUTPUT


def _without_stack(found: dict[str, Any] | None, *, stack: bool) -> dict[str, Any] | None:
    if found is None or stack:
        return found
    return {name: value for name, value in found.items() if name != "stack"}
