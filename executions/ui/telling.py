"""What the current attempt of a node run tells: how far it is, its log, its text as it is made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from executions.events import run_id
from executions.models import Event, NodeRun
from executions.states import EventType

MOST_EVENTS = 400
LONGEST_TEXT = 64 * 1024
"""Characters; the end of a longer text is shown, for it is where something happens."""


@dataclass(slots=True)
class Told:
    """``offset`` is where the text that is shown begins, ``end`` where the next chunk goes on."""

    progress: float | None = None
    message: str = ""
    lines: list[dict[str, Any]] = field(default_factory=list)
    text: str = ""
    offset: int = 0
    end: int = 0
    left_out: bool = False
    """Whether there is more than is shown here: the event log has it."""

    def __bool__(self) -> bool:
        return bool(self.progress is not None or self.message or self.lines or self.text)

    @property
    def percent(self) -> int:
        return round(100 * (self.progress or 0))


def told(run: NodeRun) -> Told:
    """A new attempt begins anew: what those before it told is in the event log."""
    events = Event.objects.filter(
        execution=run.execution_id,
        type=EventType.NODE_PROGRESS,
        data__contains={"runId": run_id(run.execution_id, run.index), "attempt": run.attempt},
    ).order_by("-seq")
    newest = list(events.values_list("data", "at")[: MOST_EVENTS + 1])
    found = Told(left_out=len(newest) > MOST_EVENTS)
    for data, at in reversed(newest[:MOST_EVENTS]):
        _take(found, data, at)
    if len(found.text) > LONGEST_TEXT:
        found.text, found.left_out = found.text[-LONGEST_TEXT:], True
        found.offset = found.end - LONGEST_TEXT
    return found


def _take(found: Told, data: dict[str, Any], at: Any) -> None:
    if "chunk" in data:
        if data["offset"] != found.end:  # what came before it is left out
            found.text, found.offset = "", data["offset"]
        found.text += data["chunk"]
        found.end = data["offset"] + len(data["chunk"])
    elif "level" in data:
        found.lines.append({"level": data["level"], "message": data.get("message", ""), "at": at})
    else:
        found.progress = data.get("progress", found.progress)
        found.message = data.get("message", found.message)
