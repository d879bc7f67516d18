"""What waits for a person, and what the person says."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from executions import operations, queries
from executions.api import answers, bodies
from executions.api.http.authentication import SIGNED_IN
from executions.api.http.idempotency import Answer
from executions.api.http.paging import limit_of, page
from executions.api.http.parsing import check_input_size, read_body
from executions.api.http.view import ApiView
from executions.api.views.documentation import IDEMPOTENCY_KEY, PAGE, documented, problems
from executions.api.views.giving import given_once


class ApprovalList(ApiView):
    verbs = {"GET": SIGNED_IN}

    @documented(
        operation_id="listApprovals",
        summary="What waits for your decision, the oldest first",
        tags=["executions"],
        parameters=PAGE,
        responses={200: answers.ApprovalPage, **problems(400)},
    )
    def get(self, request: Request) -> Response:
        cursor = request.query_params.get("cursor")
        found, following = queries.approvals(request.user, cursor, limit_of(request))
        return page(request, {"approvals": found}, following)


class Decide(ApiView):
    verbs = {"POST": SIGNED_IN}

    @documented(
        operation_id="decide",
        summary="Approve or refuse",
        description=(
            "For superusers, whom the approval names, members of its groups, and, where it names nobody, "
            "whoever may signal. The first decision stands; a second is a 409."
        ),
        tags=["executions"],
        parameters=[IDEMPOTENCY_KEY],
        request=bodies.Decide,
        responses={202: answers.Accepted, **problems(400, 404, 409, 413, 422)},
    )
    def post(self, request: Request, execution_id: str) -> Response:
        body = read_body(request, bodies.Decide)
        check_input_size(body.payload, "The payload")

        def answer() -> Answer:
            told = operations.decide(
                execution_id,
                body.run_id or body.node_id,
                body.decision,
                comment=body.comment,
                payload=body.payload,
                user=request.user,
            )
            return Answer(202, queries.accepted_document(told))

        return given_once(request, answer)
