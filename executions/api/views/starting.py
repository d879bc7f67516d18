"""``POST /workflow/execute``: store an execution, and wait for its end where the caller wants that.

Storing is an ordinary view. Waiting is async around it and holds neither a thread nor a database connection.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connections
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from executions import operations, queries
from executions.api import answers, bodies
from executions.api.http.idempotency import Answer, once, settle
from executions.api.http.parsing import check_input_size, read_body
from executions.api.http.problems import Problem, Refused, definition_errors, invalid, invalid_problem
from executions.api.http.view import ApiView, JSONRenderer
from executions.api.views.documentation import IDEMPOTENCY_KEY, documented, problems
from executions.api.waiting import give_thread_back
from executions.conf import conf
from executions.models import Execution
from executions.permissions import may
from executions.streams.readers import Urgency, readers
from executions.streams.waiting import wait_terminal
from workflows.errors import InvalidDefinition

PREFERENCE = re.compile(r"\s*([a-z-]+)\s*(?:=\s*\"?(\d{1,9})\"?)?\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What the caller waits for, carried from the view that stored it to the one that waits."""

    execution_id: str
    seconds: float
    stack: bool
    accepted: Answer
    claim: int | None


class Stored(Response):
    """An execution that is stored, and perhaps somebody who waits for it."""

    waiting: Waiting | None = None


class StartExecution(ApiView):
    verbs = {"POST": "start"}

    @documented(
        operation_id="execute",
        summary="Start an execution, and wait for its end",
        description=(
            "Stored before the answer. 200 when it ended in time, also when it failed; 202 when it did not, "
            "when it is parked, and with `async` or `Prefer: respond-async`."
        ),
        tags=["executions"],
        parameters=[
            IDEMPOTENCY_KEY,
            OpenApiParameter(
                "Prefer", str, OpenApiParameter.HEADER, description="`wait=N` (seconds) or `respond-async`."
            ),
            OpenApiParameter("traceparent", str, OpenApiParameter.HEADER, description="W3C trace context."),
        ],
        request=bodies.Execute,
        responses={200: answers.Result, 202: answers.Accepted, **problems(400, 404, 409, 413, 415, 422)},
    )
    def post(self, request: Request) -> Stored:
        body = read_body(request, bodies.Execute)
        check_input_size(body.input)
        options = _options(request, body)
        seconds = _patience(request, body)
        answered = once(request, partial(_start, options), waits=seconds > 0)
        answer = answered.answer
        response = Stored(answer.body, status=answer.status, headers=answer.headers)
        if seconds > 0 and "Idempotency-Replayed" not in answer.headers:
            stack = may(request.user, "see_errors")
            response.waiting = Waiting(answer.body["executionId"], seconds, stack, answer, answered.claim)
        return response


_store: Any = StartExecution.as_view()


@csrf_exempt
async def execute(request: HttpRequest) -> HttpResponseBase:
    """The route: ``StartExecution``, then the wait."""
    response = await sync_to_async(_stored)(request)
    if not isinstance(response, Stored) or response.waiting is None:
        return response
    waiting = response.waiting
    give_thread_back()
    answer = waiting.accepted
    try:
        if await wait_terminal(waiting.execution_id, waiting.seconds):
            answer = await readers.run(Urgency.DOOR, _outcome, waiting)
    finally:
        if waiting.claim is not None:
            await sync_to_async(_settled)(waiting.claim, answer)
    return _rendered(answer)


# How the schema generator finds the documentation.
execute.cls, execute.initkwargs = StartExecution, {}  # type: ignore[attr-defined]


def _stored(request: HttpRequest) -> HttpResponseBase:
    response: HttpResponseBase = _store(request)
    if isinstance(response, Stored):
        _give_connections_back()
    return response


def _outcome(waiting: Waiting) -> Answer:
    return Answer(200, queries.result_document(waiting.execution_id, stack=waiting.stack))


def _settled(claim: int, answer: Answer) -> None:
    settle(claim, answer)
    _give_connections_back()


def _start(options: dict[str, Any]) -> Answer:
    try:
        started: Execution = operations.start(**options)
    except InvalidDefinition as error:
        problem = invalid_problem(definition_errors(error, "/workflow"), "invalid-definition")
        raise Refused(problem) from error
    location = f"/workflow/executions/{started.pk}"
    return Answer(202, queries.accepted_document(started), {"Location": location})


def _rendered(answer: Answer) -> HttpResponse:
    body = JSONRenderer().render(answer.body)
    return HttpResponse(body, status=answer.status, content_type="application/json", headers=answer.headers)


def _give_connections_back() -> None:
    """To the pool, or to the server. Not inside a transaction: then the caller (a test) holds it."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()


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
