"""The steps table, the graph's accessible twin: a page of node runs at a time; and the node inspected."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from executions.models import Execution, NodeRun
from executions.states import NodeStatus
from executions.ui.outline import Outline
from executions.ui.vocabulary import outcome

PAGE = 100


UNDOING = -1
"""The branch of runs that undo others."""


@dataclass(frozen=True, slots=True)
class Step:
    """A run as the table and the inspector tell it. ``undoes``: the node whose run it undoes."""

    run: NodeRun
    child: Execution | None = None
    undoes: str = ""

    @property
    def item(self) -> int | None:
        """Which item, round or branch it belongs to."""
        return self.run.branch if self.run.scope is not None else None


@dataclass(frozen=True, slots=True)
class Steps:
    steps: list[Step]
    following: int | None
    """Where the next page starts; None at the end."""


def steps(execution: Execution, outline: Outline, first: int = 0, status: str = "") -> Steps:
    """In the order in which they were reached, without inputs and outputs."""
    found = _light(execution).filter(index__gte=first).order_by("index")
    if status in set(NodeStatus):
        found = found.filter(status=status)
    runs = list(found[: PAGE + 1])
    following = runs[PAGE].index if len(runs) > PAGE else None
    return Steps(told(execution, outline, runs[:PAGE]), following)


def told(execution: Execution, outline: Outline, runs: Sequence[NodeRun]) -> list[Step]:
    """With what links them to other runs and other executions."""
    started = children(execution, runs)
    return [Step(run, started.get(run.index), _undone(outline, run)) for run in runs]


def last_run(execution: Execution, node_id: str, index: int | None = None) -> NodeRun | None:
    """A node's last run, whole, or the one with this index."""
    runs = NodeRun.objects.filter(execution=execution, node_id=node_id)
    chosen = runs.filter(index=index).first() if index is not None else None
    return chosen or runs.order_by("-index").first()


def children(execution: Execution, runs: Iterable[NodeRun]) -> dict[int, Execution]:
    """By the index of the run that waits, or has waited, for it: the execution that it started last."""
    asking = [run.index for run in runs if run.kind == "subworkflow"]
    if not asking:
        return {}
    found = Execution.objects.filter(parent=execution, parent_run__in=asking).order_by("queued_at", "id")
    rows = found.only("id", "parent_run", "status", "workflow_name")
    return {child.parent_run: child for child in rows if child.parent_run is not None}


def tries(run: NodeRun) -> list[dict[str, Any]]:
    """Its attempts, oldest first, the current one last; ``said`` and ``look`` are how each ended."""
    known = {past["attempt"] for past in run.attempts}
    current: dict[str, Any] = {"attempt": run.attempt, "outcome": run.status, "error": run.error}
    for name, at in (("startTime", run.attempt_at or run.started_at), ("endTime", run.ended_at)):
        if at is not None:
            current[name] = at.isoformat()
    found = [*run.attempts, *([current] if run.attempt not in known else [])]
    return [one | dict(zip(("said", "look"), outcome(one["outcome"]), strict=True)) for one in found]


def _undone(outline: Outline, run: NodeRun) -> str:
    if run.branch != UNDOING or run.previous is None:
        return ""
    return outline.node_of(run.previous)


def _light(execution: Execution) -> QuerySet[NodeRun]:
    return NodeRun.objects.filter(execution=execution).defer(
        "input", "output", "spans", "attempts", "details"
    )
