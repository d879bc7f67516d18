"""Spans as a tree in time: the rows of the Timeline (a Gantt chart) and of the Trace."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from executions import telemetry
from executions.models import Execution, NodeRun
from executions.states import ExecutionStatus, NodeStatus

MOST_RUNS = 200
"""Node runs told in one timeline; the newest ones, for these are looked at."""

Span = dict[str, Any]
STATUS_OF_CODE = {"OK": ExecutionStatus.COMPLETED, "ERROR": ExecutionStatus.FAILED}


@dataclass(frozen=True, slots=True)
class Bar:
    span: Span
    depth: int
    left: float
    width: float
    status: str

    @property
    def indent(self) -> int:
        return min(self.depth, 8)

    @property
    def node_id(self) -> str:
        return str(self.span["attributes"].get("node.id", ""))

    @property
    def label(self) -> str:
        attributes = self.span["attributes"]
        branch = attributes.get("parallel.branch_index")
        name = self.node_id or ("" if branch is None else f"branch {branch}") or self.span["name"]
        attempt = attributes.get("node.attempt")
        return f"{name} · attempt {attempt}" if attempt else str(name)


@dataclass(frozen=True, slots=True)
class Timeline:
    bars: list[Bar]
    milliseconds: int
    left_out: int

    @property
    def ticks(self) -> list[tuple[int, float]]:
        """``(percent, milliseconds)`` along the axis."""
        return [(percent, self.milliseconds * percent / 100) for percent in (0, 25, 50, 75, 100)]


def timeline(execution: Execution, runs_in_all: int) -> Timeline:
    newest = NodeRun.objects.filter(execution=execution).order_by("-index")[:MOST_RUNS]
    spans = telemetry.spans(execution, newest, unfinished=True)
    now = int(timezone.now().timestamp() * 1000)
    start = min((span["startTime"] for span in spans), default=now)
    end = max((now if span["endTime"] is None else span["endTime"] for span in spans), default=now)
    length = max(1, end - start)
    bars = [_bar(span, depth, start, length, now) for span, depth in _tree(spans)]
    return Timeline(bars, end - start, max(0, runs_in_all - MOST_RUNS))


def _bar(span: Span, depth: int, start: int, length: int, now: int) -> Bar:
    end = now if span["endTime"] is None else span["endTime"]
    left = min(100 * (span["startTime"] - start) / length, 99.6)
    width = max(0.4, 100 * (end - span["startTime"]) / length)
    return Bar(span, depth, round(left, 3), round(min(width, 100 - left), 3), _status(span))


def _status(span: Span) -> str:
    """The state told by the span itself, else what its outcome amounts to."""
    attributes = span["attributes"]
    told = attributes.get("node.status") or attributes.get("workflow.status")
    if told:
        return str(told)
    if span["endTime"] is None:
        return NodeStatus.RUNNING
    return STATUS_OF_CODE.get(span["status"]["code"], ExecutionStatus.CANCELLED)


def _tree(spans: list[Span]) -> Iterator[tuple[Span, int]]:
    """Parents before children, siblings by start. A span whose parent is not told hangs at the top."""
    known = {span["spanId"] for span in spans}
    children: dict[str, list[Span]] = {}
    for span in spans:
        parent = span.get("parentSpanId", "")
        children.setdefault(parent if parent in known else "", []).append(span)
    waiting = [(span, 0) for span in _by_start(children.get("", []))]
    while waiting:
        span, depth = waiting.pop()
        yield span, depth
        waiting += [(child, depth + 1) for child in _by_start(children.get(span["spanId"], []))]


def _by_start(spans: list[Span]) -> list[Span]:
    """Latest first, for a stack; of branches that started together the first comes off first."""
    return sorted(spans, key=_start, reverse=True)


def _start(span: Span) -> tuple[int, int]:
    return span["startTime"], span["attributes"].get("parallel.branch_index", 0)
