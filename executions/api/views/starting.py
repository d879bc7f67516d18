"""``POST /workflow/execute``: store an execution, and wait for its end where the caller wants that.

Checking is an ordinary view. Starting and waiting are async around it, and hold neither a thread nor a
database connection.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from executions import operations, queries
from executions.api import answers, bodies
from executions.api.http.idempotency import Answer, Answered, has_key, once, settle
from executions.api.http.parsing import read_body
from executions.api.http.problems import (
    Problem,
    Refused,
    definition_errors,
    invalid_problem,
    problem_of,
    render,
)
from executions.api.http.view import ApiView, JSONRenderer
from executions.api.views.documentation import IDEMPOTENCY_KEY, documented, problems
from executions.api.views.orders import Order, order_of
from executions.api.waiting import give_connections_back, hold_nothing
from executions.models import Execution
from executions.streams.readers import Urgency, readers
from executions.streams.waiting import wait_terminal
from workflows.errors import InvalidDefinition


class Ordered(Response):
    """What the view hands on to ``execute``; never sent as it is."""

    order: Order


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
    def post(self, request: Request) -> Ordered:
        body = read_body(request, bodies.Execute)
        order = order_of(request, body)
        if has_key(request):
            answered = once(request, partial(_started, order.options), waits=order.seconds > 0)
            order = replace(order, answered=answered)
        response = Ordered()
        response.order = order
        return response


_check: Any = StartExecution.as_view()


@csrf_exempt
async def execute(request: HttpRequest) -> HttpResponseBase:
    """The route: ``StartExecution`` checks, then the execution is started and waited for."""
    response: HttpResponseBase = await sync_to_async(_check)(request)
    if not isinstance(response, Ordered):
        return response
    order = response.order
    try:
        answered = order.answered or Answered(_accepted(await operations.astart(**order.options)))
    except Exception as error:
        problem = _problem(error)
        if problem is None:
            raise
        return render(problem, request)
    if not order.seconds or answered.is_replayed:
        return _rendered(answered.answer)
    return _rendered(await _awaited(order, answered))


# How the schema generator finds the documentation.
execute.cls, execute.initkwargs = StartExecution, {}  # type: ignore[attr-defined]


async def _awaited(order: Order, answered: Answered) -> Answer:
    """The end if it comes in time, else the answer that there is. Settles the claim, come what may."""
    await hold_nothing()
    answer = answered.answer
    execution_id = answer.body["executionId"]
    try:
        if await wait_terminal(execution_id, order.seconds):
            result = await readers.run(Urgency.DOOR, queries.result_document, execution_id, stack=order.stack)
            answer = Answer(200, result)
        else:
            answer = await readers.run(Urgency.DOOR, _as_it_stands, execution_id)
    finally:
        if answered.claim is not None:
            await sync_to_async(_settled)(answered.claim, answer)
    return answer


def _as_it_stands(execution_id: str) -> Answer:
    return _accepted(Execution.objects.get(pk=execution_id))


def _settled(claim: int, answer: Answer) -> None:
    settle(claim, answer)
    give_connections_back()


def _started(options: dict[str, Any]) -> Answer:
    try:
        return _accepted(operations.start(**options))
    except InvalidDefinition as error:
        raise Refused(_definition_problem(error)) from error


def _accepted(started: Execution) -> Answer:
    location = f"/workflow/executions/{started.pk}"
    return Answer(202, queries.accepted_document(started), {"Location": location})


def _problem(error: Exception) -> Problem | None:
    return _definition_problem(error) if isinstance(error, InvalidDefinition) else problem_of(error)


def _definition_problem(error: InvalidDefinition) -> Problem:
    return invalid_problem(definition_errors(error, "/workflow"), "invalid-definition")


def _rendered(answer: Answer) -> HttpResponse:
    body = JSONRenderer().render(answer.body)
    return HttpResponse(body, status=answer.status, content_type="application/json", headers=answer.headers)
