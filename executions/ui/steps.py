"""The steps table, the graph's accessible twin: a page of node runs at a time; and the node inspected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from executions.models import Execution, NodeRun
from executions.states import NodeStatus

PAGE = 100


@dataclass(frozen=True, slots=True)
class Steps:
    runs: list[NodeRun]
    following: int | None
    """Where the next page starts; None at the end."""


def steps(execution: Execution, first: int = 0, status: str = "") -> Steps:
    """In the order in which they were reached, without inputs and outputs."""
    found = _light(execution).filter(index__gte=first).order_by("index")
    if status in set(NodeStatus):
        found = found.filter(status=status)
    runs = list(found[: PAGE + 1])
    return Steps(runs[:PAGE], runs[PAGE].index if len(runs) > PAGE else None)


def last_run(execution: Execution, node_id: str) -> NodeRun | None:
    """A node's last run, whole."""
    return NodeRun.objects.filter(execution=execution, node_id=node_id).order_by("-index").first()


def tries(run: NodeRun) -> list[dict[str, Any]]:
    """Its attempts, oldest first, the current one last."""
    told = {past["attempt"] for past in run.attempts}
    current: dict[str, Any] = {"attempt": run.attempt, "outcome": run.status, "error": run.error}
    for name, at in (("startTime", run.attempt_at or run.started_at), ("endTime", run.ended_at)):
        if at is not None:
            current[name] = at.isoformat()
    return [*run.attempts, *([current] if run.attempt not in told else [])]


def _light(execution: Execution) -> QuerySet[NodeRun]:
    return NodeRun.objects.filter(execution=execution).defer("input", "output", "spans", "attempts")
