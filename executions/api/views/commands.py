"""Telling an execution what to do."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from executions import operations
from executions.api import answers, bodies
from executions.api.http.idempotency import Answer
from executions.api.http.parsing import check_input_size, read_body
from executions.api.http.view import ApiView
from executions.api.views.documentation import IDEMPOTENCY_KEY, documented, problems
from executions.api.views.giving import execution_document, given_once
from executions.models import Execution
from executions.permissions import actor


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


class Terminate(ApiView):
    verbs = {"POST": "terminate"}

    @documented(
        operation_id="terminateExecution",
        summary="End an execution now",
        description="Attempts in flight get no grace, and nothing is undone: `cancel` with `force`.",
        tags=["executions"],
        request=bodies.Terminate,
        responses={202: answers.OneExecution, **problems(400, 404, 409)},
    )
    def post(self, request: Request, execution_id: str) -> Response:
        body = read_body(request, bodies.Terminate)
        told = operations.terminate(execution_id, reason=body.reason, actor=actor(request._request))
        return _stored(request, told)


class Signal(ApiView):
    verbs = {"POST": "signal"}

    @documented(
        operation_id="signalExecution",
        summary="Tell an execution something",
        description="The node that waits longest for the name takes it; kept until one comes to wait.",
        tags=["executions"],
        parameters=[IDEMPOTENCY_KEY],
        request=bodies.Signal,
        responses={202: answers.OneExecution, **problems(400, 404, 409, 413, 422)},
    )
    def post(self, request: Request, execution_id: str) -> Response:
        body = read_body(request, bodies.Signal)
        check_input_size(body.payload, "The payload")
        who = actor(request._request)

        def answer() -> Answer:
            told = operations.signal(execution_id, body.name, body.payload, actor=who)
            return Answer(202, {"execution": execution_document(request, told)})

        return given_once(request, answer)


def _stored(request: Request, told: Execution) -> Response:
    return Response({"execution": execution_document(request, told)}, status=202)
