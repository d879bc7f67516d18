"""Telling an execution what to do, and starting another one from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from executions import operations, queries
from executions.api import answers, bodies
from executions.api.http.idempotency import Answer, once
from executions.api.http.parsing import check_input_size, read_body
from executions.api.http.problems import Problem, Refused
from executions.api.http.view import ApiView
from executions.api.views.documentation import IDEMPOTENCY_KEY, documented, problems
from executions.models import Execution
from executions.permissions import actor, may


class Cancel(ApiView):
    verbs = {"POST": "cancel"}

    @documented(
        operation_id="cancelExecution",
        summary="Ask an execution to stop",
        description="The command is stored and answered; one that comes too late is recorded as ignored.",
        tags=["executions"],
        request=bodies.Cancel,
        responses={202: answers.OneExecution, **problems(400, 404, 409)},
    )
    def post(self, request: Request, execution_id: str) -> Response:
        body = read_body(request, bodies.Cancel)
        told = operations.cancel(
            execution_id, reason=body.reason, force=body.force, actor=actor(request._request)
        )
        return _stored(request, told)


class Pause(ApiView):
    verbs = {"POST": "pause"}

    @documented(
        operation_id="pauseExecution",
        summary="Let attempts in flight finish and start nothing new",
        tags=["executions"],
        request=bodies.Nothing,
        responses={202: answers.OneExecution, **problems(400, 404, 409)},
    )
    def post(self, request: Request, execution_id: str) -> Response:
        read_body(request, bodies.Nothing)
        return _stored(request, operations.pause(execution_id, actor=actor(request._request)))


class Resume(ApiView):
    verbs = {"POST": "resume"}

    @documented(
        operation_id="resumeExecution",
        summary="Go on with a paused execution",
        tags=["executions"],
        request=bodies.Nothing,
        responses={202: answers.OneExecution, **problems(400, 404, 409)},
    )
    def post(self, request: Request, execution_id: str) -> Response:
        read_body(request, bodies.Nothing)
        return _stored(request, operations.resume(execution_id, actor=actor(request._request)))


class Retry(ApiView):
    verbs = {"POST": "retry"}

    @documented(
        operation_id="retryExecution",
        summary="A new execution that adopts what completed and runs the rest",
        tags=["executions"],
        parameters=[IDEMPOTENCY_KEY],
        request=bodies.Nothing,
        responses={202: answers.OneExecution, **problems(400, 404, 409, 422)},
    )
    def post(self, request: Request, execution_id: str) -> Response:
        read_body(request, bodies.Nothing)
        return _made(request, lambda: operations.retry(execution_id, actor=actor(request._request)))


class Rerun(ApiView):
    verbs = {"POST": "rerun"}

    @documented(
        operation_id="rerunExecution",
        summary="A new execution from the start, with the same or another input",
        tags=["executions"],
        parameters=[IDEMPOTENCY_KEY],
        request=bodies.Rerun,
        responses={202: answers.OneExecution, **problems(400, 404, 409, 413, 422)},
    )
    def post(self, request: Request, execution_id: str) -> Response:
        body = read_body(request, bodies.Rerun)
        check_input_size(body.input)
        return _made(
            request,
            lambda: operations.rerun(
                execution_id, input=body.input, version=body.version, actor=actor(request._request)
            ),
        )


class NotBuilt(ApiView):
    """What the contract names and this version does not have."""

    verbs = {"POST": "view"}

    @documented(exclude=True)
    def post(self, request: Request, **_: Any) -> Response:
        raise Refused(Problem(404, "This version of c4c does not have this.", "not-built"))


def _stored(request: Request, told: Execution) -> Response:
    return Response({"execution": _document(request, told)}, status=202)


def _made(request: Request, work: Callable[[], Execution]) -> Response:
    def answer() -> Answer:
        made = work()
        location = f"/workflow/executions/{made.pk}"
        return Answer(202, {"execution": _document(request, made)}, {"Location": location})

    given = once(request, answer).answer
    return Response(given.body, status=given.status, headers=given.headers)


def _document(request: Request, execution: Execution) -> dict[str, Any]:
    return queries.execution_document(execution.pk, stack=may(request.user, "see_errors"))
