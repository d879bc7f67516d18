"""What ``POST /workflow/execute`` asks for, read from its body and headers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from rest_framework.request import Request

from executions.api import bodies
from executions.api.http.idempotency import Answered
from executions.api.http.parsing import check_input_size
from executions.api.http.problems import Problem, Refused, invalid
from executions.conf import conf
from executions.permissions import may

PREFERENCE = re.compile(r"\s*([a-z-]+)\s*(?:=\s*\"?(\d{1,9})\"?)?\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Order:
    """A checked request: what is to be started, and how long the caller waits for its end."""

    options: dict[str, Any]
    seconds: float
    stack: bool
    answered: Answered | None = None
    """Where the request has an Idempotency-Key, it is stored with its key."""


def order_of(request: Request, body: bodies.Execute) -> Order:
    check_input_size(body.input)
    return Order(_options(request, body), _patience(request, body), may(request.user, "see_errors"))


def _options(request: Request, body: bodies.Execute) -> dict[str, Any]:
    if body.workflow is not None and not may(request.user, "inline"):
        raise Refused(Problem(403, "You may not run inline definitions."))
    return {
        "workflow": body.workflow_id,
        "definition": body.workflow,
        "input": body.input,
        "execution_id": _execution_id(body),
        "key": body.key,
        "on_conflict": body.on_conflict,
        "tags": body.tags,
        "priority": body.priority,
        "timeout": None if body.timeout_ms is None else body.timeout_ms / 1000,
        "traceparent": request.headers.get("traceparent"),
    }


def _execution_id(body: bodies.Execute) -> str | None:
    optional = body.options.execution_id if body.options else None
    if body.execution_id and optional and body.execution_id != optional:
        detail = "executionId and options.executionId differ."
        raise invalid([{"detail": detail, "pointer": "#/options/executionId"}])
    return body.execution_id or optional


def _patience(request: Request, body: bodies.Execute) -> float:
    """For how many seconds the caller waits; 0 is not at all."""
    preferences = _preferences(request.headers.get("Prefer", ""))
    if body.asynchronous or "respond-async" in preferences:
        return 0
    return min(float(preferences.get("wait") or conf.WAIT_SECONDS), conf.WAIT_SECONDS)


def _preferences(header: str) -> dict[str, str]:
    """RFC 7240, as far as it concerns waiting. What cannot be read is not preferred."""
    found = (PREFERENCE.match(part) for part in header.split(","))
    return {match[1].lower(): match[2] or "" for match in found if match}
