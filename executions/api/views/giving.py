"""Answers that several views give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from executions import queries
from executions.api.http.idempotency import Answer, once
from executions.models import Execution
from executions.permissions import may


def given_once(request: Request, work: Callable[[], Answer]) -> Response:
    """The answer of ``work``, or what it answered to the same Idempotency-Key before."""
    given = once(request, work).answer
    return Response(given.body, status=given.status, headers=given.headers)


def execution_document(request: Request, execution: Execution) -> dict[str, Any]:
    return queries.execution_document(execution.pk, stack=may(request.user, "see_errors"))
