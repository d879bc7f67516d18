"""From one version of a workflow to another."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from executions.api import answers, bodies
from executions.api.http.paging import number_of
from executions.api.http.parsing import read_body
from executions.api.http.view import ApiView
from executions.api.views.bulk import filter_of
from executions.api.views.definitions import LARGEST_NUMBER
from executions.api.views.documentation import documented, problems
from executions.operations import migrate
from workflows import library
from workflows.difference import difference


class Diff(ApiView):
    verbs = {"GET": "define"}

    @documented(
        operation_id="diffVersions",
        summary="What two versions of a workflow differ in",
        tags=["definitions"],
        parameters=[
            OpenApiParameter("from", int, description="A workflowVersion; by default the one before `to`."),
            OpenApiParameter("to", int, description="A workflowVersion; by default the current one."),
        ],
        responses={200: answers.Diff, **problems(400, 404)},
    )
    def get(self, request: Request, workflow_id: str) -> Response:
        current = library.current(workflow_id).number
        to = number_of(request, "to", least=1, most=LARGEST_NUMBER, usual=current)
        source = number_of(request, "from", least=1, most=LARGEST_NUMBER, usual=max(1, to - 1))
        old, new = (library.definition(library.version(workflow_id, each)) for each in (source, to))
        return Response({"from": source, "to": to, "difference": difference(old, new).document()})


class Migrate(ApiView):
    verbs = {"POST": "migrate"}

    @documented(
        operation_id="migrateExecutions",
        summary="Move executions that rest to another version",
        description=(
            "Queued, waiting and paused ones whose nodes that have run are in the new version as they were. "
            "The others stay as they are and are told, with the reasons."
        ),
        tags=["definitions"],
        request=bodies.Migrate,
        responses={200: answers.Migration, **problems(400, 404)},
    )
    def post(self, request: Request, workflow_id: str) -> Response:
        body = read_body(request, bodies.Migrate)
        report = migrate(
            workflow_id,
            body.to,
            source=body.source,
            filter=filter_of(body.filter),
            ids=body.ids,
            dry_run=body.dry_run,
            cursor=body.cursor,
        )
        return Response(report.document())
