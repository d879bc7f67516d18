"""The library of workflows: read, publish, validate."""

from __future__ import annotations

from typing import Any

from django.db.models import F, Func, IntegerField, JSONField
from django.db.models.fields.json import KeyTransform
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from executions.api import answers
from executions.api.http.paging import limit_of, number_of, page
from executions.api.http.problems import definition_errors, invalid
from executions.api.http.view import ApiView
from executions.api.views.documentation import PAGE, documented, problems
from executions.queries import cursors, iso
from workflows import library
from workflows.errors import InvalidDefinition
from workflows.models import Workflow, WorkflowVersion
from workflows.validation import problems as problems_of

LIST = "definitions"
LARGEST_NUMBER = 2**31 - 1


class WorkflowList(ApiView):
    verbs = {"GET": "define"}

    @documented(
        operation_id="listWorkflows",
        summary="The workflows, by name",
        tags=["definitions"],
        parameters=PAGE,
        responses={200: answers.WorkflowPage, **problems(400)},
    )
    def get(self, request: Request) -> Response:
        limit, cursor = limit_of(request), request.query_params.get("cursor")
        found = Workflow.objects.filter(current__isnull=False).order_by("name", "id")
        if cursor:
            name, pk = cursors.decode(LIST, cursor)
            found = found.filter(name__gte=name).exclude(name=name, id__lte=pk)
        rows = list(found.annotate(**_told()).values("id", "name", "description", *_told())[: limit + 1])
        last = rows[limit - 1] if len(rows) > limit else None
        following = cursors.encode(LIST, [last["name"], last["id"]]) if last else None
        return page(request, {"workflows": [_row(row) for row in rows[:limit]]}, following)


class WorkflowDetail(ApiView):
    verbs = {"GET": "define", "PUT": "publish"}

    @documented(
        operation_id="getWorkflow",
        summary="A workflow's definition",
        tags=["definitions"],
        parameters=[
            OpenApiParameter("version", int, description="workflowVersion; the current one by default.")
        ],
        responses={200: answers.Definition, **problems(400, 404)},
    )
    def get(self, request: Request, workflow_id: str) -> Response:
        number = number_of(request, "version", least=0, most=LARGEST_NUMBER, usual=0)
        version = library.version(workflow_id, number) if number else library.current(workflow_id)
        return Response(_definition(version))

    @documented(
        operation_id="publishWorkflow",
        summary="Publish a definition; unchanged content keeps its version",
        tags=["definitions"],
        request=dict[str, Any],
        responses={200: answers.Definition, 201: answers.Definition, **problems(400, 413)},
    )
    def put(self, request: Request, workflow_id: str) -> Response:
        document = _document(request)
        if document.get("id") != workflow_id:
            detail = f"The definition's id must be {workflow_id!r}, as in the address."
            raise invalid([{"detail": detail, "pointer": "#/id"}])
        before = Workflow.objects.filter(pk=workflow_id).values_list("current_id", flat=True).first()
        version = library.publish(document, source="json")
        return Response(_definition(version), status=200 if version.pk == before else 201)


class WorkflowVersions(ApiView):
    verbs = {"GET": "define"}

    @documented(
        operation_id="listWorkflowVersions",
        summary="A workflow's versions, the newest first",
        tags=["definitions"],
        parameters=PAGE,
        responses={200: answers.VersionPage, **problems(400, 404)},
    )
    def get(self, request: Request, workflow_id: str) -> Response:
        limit, scope = limit_of(request), f"versions.{workflow_id}"
        cursor, current = request.query_params.get("cursor"), library.current(workflow_id)
        below = cursors.decode(scope, cursor)[0] if cursor else LARGEST_NUMBER
        versions = WorkflowVersion.objects.filter(workflow_id=workflow_id, number__lt=below)
        found = list(versions.defer("definition").order_by("-number")[: limit + 1])
        following = cursors.encode(scope, [found[limit - 1].number]) if len(found) > limit else None
        rows = [_version(version, version.pk == current.pk) for version in found[:limit]]
        return page(request, {"versions": rows}, following)


class Validate(ApiView):
    verbs = {"POST": "define"}

    @documented(
        operation_id="validateWorkflow",
        summary="What is wrong with a definition",
        tags=["definitions"],
        request=dict[str, Any],
        responses={200: answers.Validity, **problems(400, 413)},
    )
    def post(self, request: Request) -> Response:
        found = problems_of(_document(request))
        errors = definition_errors(InvalidDefinition(found))
        return Response({"valid": not errors, "errors": errors})


def _document(request: Request) -> dict[str, Any]:
    if not isinstance(request.data, dict):
        raise invalid([{"detail": "The body must be a definition: a JSON object.", "pointer": "#"}])
    return request.data


def _told() -> dict[str, Any]:
    """What a row tells of the current version, without fetching its document."""
    document = "current__definition"
    return {
        "label": F("current__label"),
        "number": F("current__number"),
        "nodes": Func(
            KeyTransform("nodes", document), function="jsonb_array_length", output_field=IntegerField()
        ),
        "trigger": KeyTransform("trigger", document, output_field=JSONField()),
        "triggers": KeyTransform("triggers", document, output_field=JSONField()),
        "schema": KeyTransform("inputSchema", document, output_field=JSONField()),
    }


def _row(row: dict[str, Any]) -> dict[str, Any]:
    told = {
        "id": row["id"],
        "name": row["name"],
        "description": row["description"],
        "version": row["label"],
        "workflowVersion": row["number"],
        "nodeCount": row["nodes"],
        "triggers": row["triggers"] or ([row["trigger"]] if row["trigger"] else []),
    }
    return told | ({"inputSchema": row["schema"]} if row["schema"] else {})


def _definition(version: WorkflowVersion) -> dict[str, Any]:
    return {"definition": version.definition, "workflowVersion": version.number}


def _version(version: WorkflowVersion, current: bool) -> dict[str, Any]:
    return {
        "workflowVersion": version.number,
        "version": version.label,
        "contentHash": version.content_hash,
        "createdAt": iso(version.created_at),
        "current": current,
    }
