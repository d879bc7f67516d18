"""The API's routes, mounted at the site's root: each with and without a trailing slash, without redirect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.urls import URLPattern, include, path, register_converter
from django.urls.converters import StringConverter

from executions.api.views import (
    again,
    approvals,
    bulk,
    commands,
    definitions,
    documents,
    emitting,
    executions,
    health,
    metrics,
    payloads,
    procedures,
    queues,
    starting,
    versions,
)
from executions.database import by_itself

app_name = "c4c_api"


class Identifier(StringConverter):
    """One part of a path; PostgreSQL can hold no NUL."""

    regex = r"[^/\x00]+"


register_converter(Identifier, "identifier")


def both(route: str, view: Callable[..., Any], name: str) -> list[URLPattern]:
    alone = by_itself(view)
    return [path(route, alone, name=name), path(f"{route}/", alone)]


def workflow(route: str, view: Callable[..., Any], name: str) -> list[URLPattern]:
    """Under ``/workflow/`` and, as the seeds' front ends ask, under ``/api/workflow/``."""
    return [*both(f"workflow/{route}", view, name), *both(f"api/workflow/{route}", view, f"{name}_alias")]


ONE = "executions/<identifier:execution_id>"
DEFINITION = "definitions/<identifier:workflow_id>"

urlpatterns = [
    path("workflow/", include("executions.streams.urls")),
    path("api/workflow/", include("executions.streams.urls")),
    *both(f"api/workflow/{ONE}", executions.BareExecution.as_view(), "bare_execution"),
    *workflow("execute", starting.execute, "execute"),
    *workflow("executions", executions.ExecutionList.as_view(), "executions"),
    *workflow("executions/bulk", bulk.BulkStart.as_view(), "start_bulk"),
    *workflow(ONE, executions.ExecutionDetail.as_view(), "execution"),
    *workflow(f"{ONE}/nodes", executions.ExecutionNodes.as_view(), "nodes"),
    *workflow(f"{ONE}/nodes/<identifier:run_id>/output", payloads.NodeOutput.as_view(), "node_output"),
    *workflow(f"{ONE}/input", payloads.ExecutionInput.as_view(), "execution_input"),
    *workflow(f"{ONE}/events", executions.ExecutionEvents.as_view(), "events"),
    *workflow(f"{ONE}/cancel", commands.Cancel.as_view(), "cancel"),
    *workflow(f"{ONE}/pause", commands.Pause.as_view(), "pause"),
    *workflow(f"{ONE}/resume", commands.Resume.as_view(), "resume"),
    *workflow(f"{ONE}/terminate", commands.Terminate.as_view(), "terminate"),
    *workflow(f"{ONE}/signal", commands.Signal.as_view(), "signal"),
    *workflow(f"{ONE}/decide", approvals.Decide.as_view(), "decide"),
    *workflow(f"{ONE}/retry", again.Retry.as_view(), "retry"),
    *workflow(f"{ONE}/rerun", again.Rerun.as_view(), "rerun"),
    *workflow("queues", queues.QueueListing.as_view(), "queues"),
    *workflow("queues/<identifier:name>/pause", queues.PauseQueue.as_view(), "pause_queue"),
    *workflow("queues/<identifier:name>/resume", queues.ResumeQueue.as_view(), "resume_queue"),
    *workflow("approvals", approvals.ApprovalList.as_view(), "approvals"),
    *workflow("events", emitting.Emit.as_view(), "emit"),
    *workflow("bulk", bulk.BulkList.as_view(), "bulk"),
    *workflow("bulk/<identifier:bulk_id>", bulk.BulkDetail.as_view(), "one_bulk"),
    *workflow("bulk/<identifier:bulk_id>/cancel", bulk.BulkCancel.as_view(), "cancel_bulk"),
    *workflow("definitions", definitions.WorkflowList.as_view(), "definitions"),
    *workflow(DEFINITION, definitions.WorkflowDetail.as_view(), "definition"),
    *workflow(f"{DEFINITION}/versions", definitions.WorkflowVersions.as_view(), "versions"),
    *workflow(f"{DEFINITION}/diff", versions.Diff.as_view(), "diff"),
    *workflow(f"{DEFINITION}/migrate", versions.Migrate.as_view(), "migrate"),
    *workflow("validate", definitions.Validate.as_view(), "validate"),
    *both("procedures", procedures.ProcedureList.as_view(), "procedures"),
    *both("health", health.Health.as_view(), "health"),
    *both("health/ready", health.Ready.as_view(), "ready"),
    *both("metrics", metrics.Metrics.as_view(), "metrics"),
    *both("openapi.json", documents.OpenAPI.as_view(), "openapi"),
    *both("docs", documents.Docs.as_view(), "docs"),
]
