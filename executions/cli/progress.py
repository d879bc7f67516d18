"""An execution's events as a person follows them: a live table in a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, Protocol

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from executions.cli.printing import told_duration
from executions.states import TERMINAL_EVENTS, EventType

Payload = dict[str, Any]

MARKS = {
    "completed": ("✓", "green"),
    "failed": ("✗", "red"),
    "cancelled": ("⊘", "yellow"),
    "skipped": ("-", "dim"),
    "waiting": ("◷", "magenta"),
    "retrying": ("↻", "yellow"),
    "lost": ("↻", "yellow"),
}
OPEN = frozenset({"started", "progress"})
TOLD_ANYWAY = TERMINAL_EVENTS | {EventType.WORKFLOW_QUEUED, EventType.WORKFLOW_STARTED}
"""What the command's first and last lines say already."""


class Progress(Protocol):
    def __enter__(self) -> Progress: ...
    def __exit__(self, *failure: object) -> None: ...
    def show(self, event: Payload) -> None: ...


def progress() -> Progress:
    return LiveProgress() if sys.stdout.isatty() else PlainProgress(print)


class Silence:
    def __enter__(self) -> Silence:
        return self

    def __exit__(self, *failure: object) -> None:
        return None

    def show(self, event: Payload) -> None:
        return None


class PlainProgress(Silence):
    """A line an event, as it comes."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    def show(self, event: Payload) -> None:
        if event["type"] in TOLD_ANYWAY:
            return
        subject, _, word = event["type"].partition(".")
        name = event["nodeId"] if subject == "node" else event["workflowId"]
        self._write(f"{word:<10} {name}{_remark(event)}")


class LiveProgress:
    """The node runs in the order in which they were reached, redrawn in place."""

    def __init__(self) -> None:
        self._console = Console()
        self._rows: dict[str, tuple[str, str, str, float]] = {}
        self._spinner = Spinner("dots")
        self._live = Live(console=self._console, refresh_per_second=8, get_renderable=self._table)

    def __enter__(self) -> LiveProgress:
        self._live.__enter__()
        return self

    def __exit__(self, *failure: object) -> None:
        self._live.__exit__(None, None, None)

    def show(self, event: Payload) -> None:
        if "runId" not in event:
            return
        word, began = event["type"].partition(".")[2], time.monotonic()
        if word == "progress" and event["runId"] in self._rows:
            began = self._rows[event["runId"]][3]
        self._rows[event["runId"]] = (word, event["nodeId"], _remark(event), began)

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 1))
        most = max(3, self._console.height - 3)
        for word, name, remark, began in list(self._rows.values())[-most:]:
            if word in OPEN:
                since = told_duration((time.monotonic() - began) * 1000)
                table.add_row(self._spinner, name, Text(f"{since}{remark}", style="dim"))
            else:
                mark, style = MARKS.get(word, ("·", ""))
                table.add_row(Text(mark, style=style), name, Text(remark.strip(), style="dim"))
        return table


def _remark(event: Payload) -> str:
    """What an event says besides its name, for people."""
    parts = [
        told_duration(event.get("duration", event.get("executionTime"))),
        f"attempt {event['attempt']}" if event.get("attempt", 1) > 1 else "",
        f"{event['progress']:.0%}" if isinstance(event.get("progress"), int | float) else "",
        _error(event.get("error")) or event.get("message") or event.get("reason") or "",
        f"then {event['nextNodeId']}" if event.get("nextNodeId") else "",
    ]
    told = ", ".join(part for part in parts if part)
    return f"  {told}" if told else ""


def _error(error: Any) -> str:
    return str(error.get("message", "")) if isinstance(error, dict) else str(error or "")
