"""Spans: folded from an execution's rows, joined by those that user code makes, exported on request."""

from __future__ import annotations

from executions.telemetry.attempts import Attempt, attempt_context, install
from executions.telemetry.export import export, exporting
from executions.telemetry.fold import span_id_of, spans
from executions.telemetry.handing import close, ended
from executions.telemetry.unseen import guard_log

__all__ = [
    "Attempt",
    "attempt_context",
    "close",
    "ended",
    "export",
    "exporting",
    "guard_log",
    "install",
    "span_id_of",
    "spans",
]
