"""What an execution waits for, node by node: what, since when, until when, and what can be done about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.dateparse import parse_datetime

from executions.models import Execution, NodeRun
from executions.permissions import may
from executions.queries.waiting import waiting
from executions.states import ExecutionStatus, NodeStatus
from executions.ui.vocabulary import REASONS

MOST = 20
"""Waiting nodes that are told one by one."""

PARKED = (NodeStatus.WAITING, NodeStatus.RETRYING)


@dataclass(frozen=True, slots=True)
class Wait:
    """One node that waits. ``name``: of the signal, the event or the execution that is waited for."""

    reason: str
    run: NodeRun
    name: str = ""
    key: str = ""
    asked: dict[str, Any] = field(default_factory=dict)
    """Of an approval: ``{users, groups, message, form?}``."""
    may_decide: bool = False

    @property
    def said(self) -> str:
        return REASONS[self.reason]

    @property
    def since(self) -> datetime | None:
        return self.run.attempt_at

    @property
    def until(self) -> datetime | None:
        return self.run.available_at

    @property
    def people(self) -> str:
        """Whose the approval is: ``ann, bob or a member of finance``."""
        users, groups = self.asked.get("users") or [], self.asked.get("groups") or []
        named = [", ".join(users)] if users else []
        return " or ".join([*named, *(f"a member of {group}" for group in groups)])


@dataclass(frozen=True, slots=True)
class Why:
    """What holds the execution as a whole. ``place``: how many come first, of so many that wait there."""

    reason: str
    detail: str
    until: datetime | None = None
    place: int | None = None
    of: int | None = None


def why(execution: Execution) -> Why | None:
    """None where nothing but its own nodes holds it."""
    found = waiting(execution, ())
    if found is None:
        return None
    until = parse_datetime(found["until"]) if found.get("until") else None
    return Why(found["reason"], found["detail"], until, found.get("place"), found.get("of"))


def waits(execution: Execution, user: Any) -> list[Wait]:
    """Those that have waited longest, at most ``MOST``."""
    if ExecutionStatus(execution.status).is_terminal:
        return []
    runs = list(_parked(execution).order_by("index")[:MOST])
    asking = [run.pk for run in runs if run.awaits.startswith(("approval", "event:"))]
    whole = NodeRun.objects.only("input").in_bulk(asking) if asking else {}
    for run in runs:
        if run.pk in whole:
            run.input = whole[run.pk].input
    return [_wait(run, user) for run in runs]


def _parked(execution: Execution) -> QuerySet[NodeRun]:
    """Without what may be large."""
    found = NodeRun.objects.filter(execution=execution, status__in=PARKED)
    return found.defer("input", "output", "spans", "attempts", "details")


def _wait(run: NodeRun, user: Any) -> Wait:
    if run.status == NodeStatus.RETRYING:
        return Wait("retry", run)
    kind, _, name = run.awaits.partition(":")
    match kind:
        case "approval":
            return Wait(kind, run, asked=run.input or {}, may_decide=may(user, "decide", run))
        case "event":
            asked = run.input or {}
            return Wait(kind, run, asked.get("event", name), asked.get("key", ""))
        case "signal" | "child":
            return Wait(kind, run, name)
        case _:
            return Wait("timer", run)
