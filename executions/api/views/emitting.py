"""Internal events."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from executions import operations
from executions.api import answers, bodies
from executions.api.http.idempotency import Answer
from executions.api.http.parsing import check_input_size, read_body
from executions.api.http.view import ApiView
from executions.api.views.documentation import IDEMPOTENCY_KEY, documented, problems
from executions.api.views.giving import given_once
from executions.moments import iso


class Emit(ApiView):
    verbs = {"POST": "emit"}

    @documented(
        operation_id="emitEvent",
        summary="Tell every node that waits for an event of this name and key",
        tags=["executions"],
        parameters=[IDEMPOTENCY_KEY],
        request=bodies.Emit,
        responses={202: answers.Emitted, **problems(400, 413, 422)},
    )
    def post(self, request: Request) -> Response:
        body = read_body(request, bodies.Emit)
        check_input_size(body.payload, "The payload")

        def answer() -> Answer:
            emitted = operations.emit(body.name, body.payload, body.key)
            emitted.refresh_from_db()
            told = {"eventId": emitted.pk, "name": emitted.name, "key": emitted.key, "at": iso(emitted.at)}
            return Answer(202, told)

        return given_once(request, answer)
