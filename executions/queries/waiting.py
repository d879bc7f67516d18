"""Why it does not go on: of an execution that has not ended, and of each of its nodes that waits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Min, Q
from django.db.models.functions import Now
from django.utils import timezone

from executions.events import run_id
from executions.models import Command, Execution, Executor, NodeRun, Queue, Slot
from executions.moments import iso
from executions.states import ACTIVE, ExecutionStatus, NodeStatus
from workflows import library
from workflows.definition import DagNode, Definition

Reason = dict[str, Any]
"""``{reason, detail, until?, place?, of?}``; ``place``: how many come first, null where it is above MOST."""

MOST = 1000
"""Where counting those who come first ends."""
NAMED = 3
"""Executions that are named as holders of places."""
AWAITED = {"signal": "signal", "event": "event", "approval": "approval", "child": "child"}


def waiting(execution: Execution, runs: Sequence[NodeRun]) -> Reason | None:
    """``{reason, …, nodes: [{nodeId, runId?, reason, …}]}``; None where nothing waits.

    ``reason``: dependency, timer, signal, approval, event, child, slot, rate, queue, no_worker, paused
    or retry.
    Where several nodes wait, the execution's reason is that of the one that is due first.
    """
    if execution.status not in ACTIVE:
        return None
    nodes = list(_nodes(execution, runs))
    own = _own(execution) or _first(execution, nodes)
    if own is None and not nodes:
        return None
    found = own or {"reason": nodes[0]["reason"], "detail": nodes[0]["detail"]}
    return {**found, "nodes": nodes}


def _own(execution: Execution) -> Reason | None:
    """What holds the execution as a whole."""
    if execution.status == ExecutionStatus.PAUSED:
        return _reason("paused", _by("it is paused", _who_paused(execution)))
    if execution.leased_by is not None:
        return None
    at_gate = (
        execution.status == ExecutionStatus.QUEUED
        and execution.lane is not None
        and execution.admitted_at is None
    )
    is_due = execution.available_at is not None and execution.available_at <= timezone.now()
    if not (at_gate or is_due):
        return None
    return _of_queue(execution) or (_at_gate(execution) if at_gate else _in_queue(execution))


def _first(execution: Execution, nodes: list[Reason]) -> Reason | None:
    """Of what a parked execution waits for, what comes first."""
    if execution.status != ExecutionStatus.WAITING or not nodes:
        return None
    found = min(nodes, key=lambda node: node.get("until") or "~")
    return {name: value for name, value in found.items() if name not in ("nodeId", "runId")}


# Queues and places


def _of_queue(execution: Execution) -> Reason | None:
    paused = Queue.objects.filter(name=execution.queue).exclude(paused_at=None).first()
    if paused is not None:
        return _reason("paused", _by(f"the queue {execution.queue} is paused", paused.paused_by))
    serving = Q(queues=None) | Q(queues__contains=[execution.queue])
    if not Executor.objects.filter(serving, expires_at__gte=Now()).exists():
        return _reason("no_worker", f"no executor serves the queue {execution.queue}")
    return None


def _in_queue(execution: Execution) -> Reason:
    others = Execution.objects.filter(queue=execution.queue, leased_by=None, available_at__lte=Now())
    earlier = Q(priority__gt=execution.priority) | Q(
        priority=execution.priority, available_at__lt=execution.available_at
    )
    return _reason(
        "queue",
        f"every executor that serves the queue {execution.queue} is busy, or is about to take it",
        place=_bounded(others.filter(earlier)),
        of=_bounded(others),
    )


def _at_gate(execution: Execution) -> Reason:
    others = Execution.objects.filter(
        lane=execution.lane, admitted_at=None, lane__isnull=False, status=ExecutionStatus.QUEUED
    )
    earlier = (
        Q(priority__gt=execution.priority)
        | Q(priority=execution.priority, queued_at__lt=execution.queued_at)
        | Q(priority=execution.priority, queued_at=execution.queued_at, pk__lt=execution.pk)
    )
    place = {"place": _bounded(others.filter(earlier)), "of": _bounded(others)}
    for limit in sorted(execution.gate or [], key=lambda limit: "seconds" in limit):
        held = _full(limit)
        if held is not None:
            return held | place
    return _reason("queue", "others come first") | place


def _full(limit: dict[str, Any]) -> Reason | None:
    """Why this limit lets nobody through now; None where it does."""
    of = f" of {limit['value']}" if "value" in limit else ""
    slots = Slot.objects.filter(key=limit["key"])
    if "seconds" in limit:
        taken = slots.filter(until__gt=Now())
        if taken.count() < limit["limit"]:
            return None
        detail = f"{limit['limit']}{of} in {limit['seconds']:g} s have been let through"
        return _reason("rate", detail, until=taken.aggregate(at=Min("until"))["at"])
    taken = slots.filter(until=None, execution__status__in=ACTIVE)
    if taken.count() < limit["limit"]:
        return None
    holders = [slot.execution_id for slot in taken.order_by("id")[:NAMED]]
    more = " and others" if limit["limit"] > NAMED else ""
    return _reason("slot", f"all {limit['limit']} places{of} are taken: {', '.join(holders)}{more}")


def _bounded(rows: Any) -> int | None:
    number = rows[: MOST + 1].count()
    return number if number <= MOST else None


# Nodes


def _nodes(execution: Execution, runs: Sequence[NodeRun]) -> Iterator[Reason]:
    for run in runs:
        found = _of_run(execution, run)
        if found is not None:
            yield {"nodeId": run.node_id, "runId": run_id(run.execution_id, run.index), **found}
    if any(run.kind == "dag" and run.status == NodeStatus.RUNNING for run in runs):
        yield from _dependencies(library.definition(execution.version), runs)


def _of_run(execution: Execution, run: NodeRun) -> Reason | None:
    match run.status:
        case NodeStatus.RETRYING:
            return _reason("retry", f"attempt {run.attempt} has failed", until=run.available_at)
        case NodeStatus.PENDING if execution.pause_requested:
            return _reason("paused", "it is paused")
        case NodeStatus.PENDING:
            return _reason("queue", run.wait_reason or "it starts as soon as an executor has it")
        case NodeStatus.WAITING:
            awaited = run.awaits.partition(":")[0]
            return _reason(AWAITED.get(awaited, "timer"), run.wait_reason, until=run.available_at)
    return None


def _dependencies(definition: Definition, runs: Sequence[NodeRun]) -> Iterator[Reason]:
    """The tasks of open dags that have not been reached."""
    for scope in runs:
        node = definition.nodes.get(scope.node_id)
        if scope.status != NodeStatus.RUNNING or not isinstance(node, DagNode):
            continue
        reached = {run.branch: run for run in runs if run.scope == scope.index}
        for place, task in enumerate(node.tasks):
            if place not in reached:
                names = [node.tasks[at].node for at in task.depends_on if not _is_over(reached, at)]
                yield {"nodeId": task.node, **_reason("dependency", f"waits for {', '.join(names)}")}


def _is_over(reached: dict[int | None, NodeRun], branch: int) -> bool:
    return branch in reached and NodeStatus(reached[branch].status).is_terminal


# Words


def _who_paused(execution: Execution) -> str:
    words = Command.objects.filter(execution=execution, kind=Command.Kind.PAUSE).order_by("-id")
    return words.values_list("actor", flat=True).first() or ""


def _by(told: str, actor: str) -> str:
    return f"{told}, by {actor}" if actor else told


def _reason(reason: str, detail: str, *, until: datetime | None = None, **counts: int | None) -> Reason:
    return {"reason": reason, "detail": detail, **({"until": iso(until)} if until else {}), **counts}
