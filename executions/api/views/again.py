"""New executions from others."""

from __future__ import annotations

from collections.abc import Callable

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
        summary="A new execution from the start or from a node, with the same or another input",
        description=(
            "With `fromNode`, results that came before the node are adopted, and all that was reached from "
            "it runs anew. 409 with `reasons` where they do not fit the version."
        ),
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
                execution_id,
                input=body.input,
                from_node=body.from_node,
                version=body.version,
                actor=actor(request._request),
            ),
        )


def _made(request: Request, work: Callable[[], Execution]) -> Response:
    def answer() -> Answer:
        made = work()
        location = f"/workflow/executions/{made.pk}"
        return Answer(202, {"execution": execution_document(request, made)}, {"Location": location})

    return given_once(request, answer)
