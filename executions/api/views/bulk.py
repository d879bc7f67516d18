"""One verb for many executions, and how far that is."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from executions import queries
from executions.api import answers, bodies
from executions.api.http.authentication import SIGNED_IN
from executions.api.http.idempotency import Answer
from executions.api.http.paging import limit_of, page
from executions.api.http.parsing import read_body
from executions.api.http.view import ApiView
from executions.api.views.documentation import IDEMPOTENCY_KEY, PAGE, documented, problems
from executions.api.views.giving import given_once
from executions.errors import Forbidden
from executions.operations import bulk
from executions.permissions import may


class BulkStart(ApiView):
    verbs = {"POST": SIGNED_IN}

    @documented(
        operation_id="startBulk",
        summary="Do one verb to many executions, in the background",
        description=(
            "With your rights, looked at for each. With a filter, executions that are queued or have ended "
            "later than now are left out. With `dryRun` 200 and how many there are."
        ),
        tags=["bulk"],
        parameters=[IDEMPOTENCY_KEY],
        request=bodies.Bulk,
        responses={202: answers.OneBulk, 200: answers.BulkCount, **problems(400, 413, 422)},
    )
    def post(self, request: Request) -> Response:
        body = read_body(request, bodies.Bulk)
        asked: dict[str, Any] = {
            "filter": filter_of(body.filter),
            "ids": body.ids,
            "options": body.options.model_dump(exclude_unset=True) if body.options else {},
            "user": request.user,
        }
        if body.dry_run:
            total = bulk.preview(body.action, **asked)
            return Response({"total": total})

        def answer() -> Answer:
            begun = bulk.begin(body.action, **asked)
            location = {"Location": f"/workflow/bulk/{begun.pk}"}
            return Answer(202, {"bulk": queries.bulk_document(begun)}, location)

        return given_once(request, answer)


class BulkList(ApiView):
    verbs = {"GET": "view"}

    @documented(
        operation_id="listBulk",
        summary="Bulk operations, the newest first",
        tags=["bulk"],
        parameters=PAGE,
        responses={200: answers.BulkPage, **problems(400)},
    )
    def get(self, request: Request) -> Response:
        found, following = queries.bulk_page(request.query_params.get("cursor"), limit_of(request))
        return page(request, {"bulk": found}, following)


class BulkDetail(ApiView):
    verbs = {"GET": "view"}

    @documented(
        operation_id="getBulk",
        summary="How far a bulk operation is",
        tags=["bulk"],
        responses={200: answers.OneBulk, **problems(404)},
    )
    def get(self, request: Request, bulk_id: str) -> Response:
        return Response({"bulk": queries.bulk_document(bulk_id)})


class BulkCancel(ApiView):
    verbs = {"POST": "view"}

    @documented(
        operation_id="cancelBulk",
        summary="Leave the rest of a bulk operation as it is",
        tags=["bulk"],
        request=bodies.Nothing,
        responses={202: answers.OneBulk, **problems(400, 404)},
    )
    def post(self, request: Request, bulk_id: str) -> Response:
        read_body(request, bodies.Nothing)
        action = queries.bulk_document(bulk_id)["action"]
        if not may(request.user, action):
            raise Forbidden(f"You may not {action} executions, nor keep others from it.")
        return Response({"bulk": queries.bulk_document(bulk.stop(bulk_id))}, status=202)


def filter_of(given: bodies.Filter | None) -> dict[str, Any] | None:
    """As the list reads one."""
    return None if given is None else given.model_dump(by_alias=True, exclude_none=True)
