"""The event log as sentences, newest first, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from executions.models import Event, Execution
from executions.ui.vocabulary import EVENTS, status_after

PAGE = 100


@dataclass(frozen=True, slots=True)
class Line:
    seq: int
    at: datetime
    type: str
    status: str
    node_id: str
    sentence: str
    remark: str


@dataclass(frozen=True, slots=True)
class Log:
    lines: list[Line]
    before: int | None
    """Where the older page starts; None at the log's beginning."""


def log(execution: Execution, before: int | None = None) -> Log:
    found = Event.objects.filter(execution=execution).order_by("-seq")
    if before is not None:
        found = found.filter(seq__lt=before)
    events = list(found[: PAGE + 1])
    return Log(
        [_line(event) for event in events[:PAGE]], events[PAGE - 1].seq if len(events) > PAGE else None
    )


def _line(event: Event) -> Line:
    return Line(
        seq=event.seq,
        at=event.at,
        type=event.type,
        status=status_after(event.type),
        node_id=str(event.data.get("nodeId", "")),
        sentence=EVENTS.get(event.type, event.type),
        remark=_remark(event.data),
    )


def _remark(data: dict[str, Any]) -> str:
    error = data.get("error")
    parts = [
        f"attempt {data['attempt']}" if data.get("attempt", 1) > 1 else "",
        str(error.get("message", "")) if isinstance(error, dict) else str(error or ""),
        str(data.get("reason") or ""),
        str(data.get("message") or ""),
        f"by {data['by']}" if data.get("by") else "",
        f"handled by {data['handledBy']}" if data.get("handledBy") else "",
        f"{round(100 * data['progress'])} %" if "progress" in data else "",
        f"{len(data['chunk'])} characters of text" if "chunk" in data else "",
        f"undoes {data['undoes']}" if data.get("undoes") else "",
    ]
    return " · ".join(part for part in parts if part)
