"""Workflows and their versions: what differs between two, and moving executions from one to another."""

from __future__ import annotations

from typing import Any

from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from executions import operations
from executions.errors import ExecutionError
from executions.models import Execution
from executions.operations import Report
from executions.permissions import may
from executions.ui.actions import sentence
from executions.ui.page import page, say, show
from workflows import library
from workflows.difference import difference
from workflows.errors import InvalidDefinition, WorkflowNotFound
from workflows.models import Workflow, WorkflowVersion

MOST = 100


@page("view")
def workflows(request: HttpRequest) -> HttpResponse:
    active = Execution.objects.active().values_list("workflow_id").annotate(number=Count("pk")).order_by()
    counts = dict(active)
    found = Workflow.objects.filter(current__isnull=False).select_related("current").order_by("name")
    rows = found.defer("current__definition").annotate(number_of_versions=Count("versions"))
    context = {
        "rows": [(row, counts.get(row.pk, 0)) for row in rows],
        "may_start": may(request.user, "start"),
        "now": timezone.now(),
    }
    return show(request, "workflows/list", context)


@page("define")
def versions(request: HttpRequest, workflow_id: str) -> HttpResponse:
    """``?from=`` and ``?to=`` compare two; by default the current one with the one before it."""
    return _page(request, workflow_id)


@page("migrate", "POST")
def migrate(request: HttpRequest, workflow_id: str) -> HttpResponse:
    """Move what rests to another version; with ``dry`` only say what would be moved."""
    dry = "dry" in request.POST
    to, source = _number(request.POST.get("to")), _number(request.POST.get("from"))
    if to is None:
        return say(request, 400, "It was not moved", "Choose the version to move to.")
    try:
        report = operations.migrate(
            workflow_id, to, source=source, dry_run=dry, cursor=request.POST.get("cursor") or None
        )
    except WorkflowNotFound as problem:
        return say(request, 404, "Workflow not found", str(problem))
    except ExecutionError as problem:
        return say(request, 400, "It was not moved", sentence(str(problem)))
    return _page(request, workflow_id, report=report, dry=dry)


def _page(
    request: HttpRequest, workflow_id: str, report: Report | None = None, dry: bool = True
) -> HttpResponse:
    workflow = Workflow.objects.filter(pk=workflow_id).select_related("current").first()
    if workflow is None or workflow.current is None:
        return say(request, 404, "Workflow not found", f"There is no workflow '{workflow_id}'.")
    given = request.POST or request.GET
    current = workflow.current.number
    to = _number(given.get("to")) or current
    source = _number(given.get("from"))
    before = source or max(1, to - 1)
    try:
        found = _difference(workflow_id, before, to) if before != to else None
    except WorkflowNotFound as problem:
        return say(request, 404, "Version not found", str(problem))
    except InvalidDefinition as problem:  # published under the rules of another release
        return say(request, 409, "They cannot be compared", str(problem))
    context = {
        "workflow": workflow,
        "current": current,
        "versions": _versions(workflow),
        "before": before,
        "to": to,
        "found": found,
        "report": report,
        "dry": dry,
        "source": source,
        "may_migrate": may(request.user, "migrate"),
        "may_start": may(request.user, "start"),
    }
    return show(request, "workflows/versions", context)


def _versions(workflow: Workflow) -> list[tuple[WorkflowVersion, int]]:
    """The newest first, each with how many executions of it have not ended."""
    active = Execution.objects.active().filter(workflow_id=workflow.pk).values_list("version")
    counts = dict(active.annotate(number=Count("pk")).order_by())
    rows = workflow.versions.defer("definition").order_by("-number")[:MOST]
    return [(row, counts.get(row.pk, 0)) for row in rows]


def _difference(workflow_id: str, before: int, to: int) -> dict[str, Any]:
    """Raises WorkflowNotFound."""
    old, new = (library.definition(library.version(workflow_id, number)) for number in (before, to))
    found = difference(old, new)
    return {
        "is_empty": not found,
        "added": [(node_id, new.nodes[node_id].kind) for node_id in found.added],
        "removed": [(node_id, old.nodes[node_id].kind) for node_id in found.removed],
        "changed": [
            (node_id, [change.document() for change in changes]) for node_id, changes in found.changed.items()
        ],
        "edges_added": found.edges_added,
        "edges_removed": found.edges_removed,
        "fields": [change.document() for change in found.fields],
    }


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() and len(text) < 10 else None
