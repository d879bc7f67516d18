"""Queues: what waits in each, who holds the places under each limit, and holding a queue back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from executions import queues as known
from executions.errors import ExecutionError
from executions.models import Execution, Lane, Slot
from executions.permissions import actor, may
from executions.states import ExecutionStatus
from executions.ui.actions import sentence
from executions.ui.page import page, say, show

MOST_LIMITS = 50
MOST_LANES = 50
HOLDERS = 5


@dataclass(slots=True)
class Limit:
    """A limit whose places somebody holds or waits for. ``seconds``: of a rate."""

    key: str
    most: int | None = None
    seconds: float | None = None
    value: str = ""
    taken: int = 0
    holders: list[str] = field(default_factory=list)
    blocks: int = 0

    @property
    def workflow(self) -> str:
        return self.key.partition(" ")[0]

    @property
    def is_full(self) -> bool:
        return self.most is not None and self.taken >= self.most


@page("view")
def queues(request: HttpRequest) -> HttpResponse:
    lanes = list(Lane.objects.order_by("served_at")[:MOST_LANES])
    context = {
        "queues": known.listed(),
        "limits": _limits(lanes),
        "lanes": _lanes(lanes),
        "may_hold": may(request.user, "hold_queue"),
        "now": timezone.now(),
    }
    return show(request, "queues/list", context)


@page("hold_queue", "POST")
def hold(request: HttpRequest, name: str, verb: str) -> HttpResponse:
    """Pause it, or let it go on."""
    try:
        if verb == "pause":
            known.pause(name, actor=actor(request))
        else:
            known.resume(name)
    except ExecutionError as problem:
        return say(request, 404, "Queue not found", sentence(str(problem)))
    return redirect("c4c:queues")


def _limits(lanes: list[Lane]) -> list[Limit]:
    """Those whose places are held, the fullest first, and those that block a lane."""
    taken = _taken().values("key").annotate(number=Count("pk")).order_by("-number", "key")
    found = {row["key"]: Limit(row["key"], taken=row["number"]) for row in taken[:MOST_LIMITS]}
    for lane in lanes:
        if lane.blocked_by:
            found.setdefault(lane.blocked_by, Limit(lane.blocked_by)).blocks += 1
    for key, holder, gate in _holders(list(found)):
        found[key].holders.append(holder)
        _describe(found, gate)
    for lane in lanes:
        _describe(found, lane.gate)
    return list(found.values())


def _taken() -> Any:
    """The slots that count."""
    active = Execution.objects.filter(pk=OuterRef("execution"), ended_at=None)
    return Slot.objects.filter(Q(until__gt=Now()) | Q(Exists(active), until=None))


def _holders(keys: list[str]) -> list[tuple[str, str, list[dict[str, Any]]]]:
    """Some for each key: ``(key, execution id, gate)``."""
    found = []
    for key in keys:
        slots = _taken().filter(key=key).order_by("pk").annotate(gate=F("execution__gate"))
        found += list(slots.values_list("key", "execution_id", "gate")[:HOLDERS])
    return found


def _describe(limits: dict[str, Limit], gate: list[dict[str, Any]] | None) -> None:
    for entry in gate or ():
        limit = limits.get(entry["key"])
        if limit is not None and limit.most is None:
            limit.most, limit.seconds = entry["limit"], entry.get("seconds")
            limit.value = str(entry.get("value", ""))


def _lanes(lanes: list[Lane]) -> list[dict[str, Any]]:
    """With how many wait in each, and for what."""
    waiting = Execution.objects.filter(
        lane__in=[lane.name for lane in lanes], admitted_at=None, status=ExecutionStatus.QUEUED
    )
    counts = dict(waiting.values_list("lane").annotate(number=Count("pk")).order_by())
    return [
        {
            "name": lane.name,
            "workflow": lane.name.partition("/")[0],
            "queue": lane.queue,
            "values": ", ".join(str(entry["value"]) for entry in lane.gate if "value" in entry),
            "waiting": counts.get(lane.name, 0),
            "blocked_by": lane.blocked_by,
            "check_at": lane.check_at,
            "served_at": lane.served_at,
        }
        for lane in lanes
    ]
