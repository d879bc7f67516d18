"""The catalogue of procedures."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from executions.api import answers
from executions.api.http.paging import limit_of, page
from executions.api.http.view import ApiView
from executions.api.views.documentation import PAGE, documented, problems
from executions.queries import cursors
from procedures import registry

SCOPE = "procedures"


class ProcedureList(ApiView):
    verbs = {"GET": "define"}

    @documented(
        operation_id="listProcedures",
        summary="The procedures that workflows can use, by name",
        tags=["procedures"],
        parameters=PAGE,
        responses={200: answers.ProcedurePage, **problems(400)},
    )
    def get(self, request: Request) -> Response:
        limit, cursor = limit_of(request), request.query_params.get("cursor")
        after = cursors.decode(SCOPE, cursor)[0] if cursor else ""
        found = [procedure for procedure in registry.all() if procedure.name > after]
        told, more = found[:limit], len(found) > limit
        following = cursors.encode(SCOPE, [told[-1].name]) if more else None
        return page(request, {"procedures": [procedure.document() for procedure in told]}, following)
