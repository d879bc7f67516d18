"""The API's routes, mounted at the site's root: each with and without a trailing slash, without redirect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.urls import URLPattern, include, path, register_converter
from django.urls.converters import StringConverter

from executions.api.views import (
    commands,
    definitions,
    documents,
    executions,
    health,
    metrics,
    procedures,
    starting,
)

app_name = "c4c_api"


class Identifier(StringConverter):
    """One part of a path; PostgreSQL can hold no NUL."""

    regex = r"[^/\x00]+"


register_converter(Identifier, "identifier")


def both(route: str, view: Callable[..., Any], name: str) -> list[URLPattern]:
    return [path(route, view, name=name), path(f"{route}/", view)]


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
    *workflow("executions/bulk", commands.NotBuilt.as_view(), "bulk"),
    *workflow(ONE, executions.ExecutionDetail.as_view(), "execution"),
    *workflow(f"{ONE}/nodes", executions.ExecutionNodes.as_view(), "nodes"),
    *workflow(f"{ONE}/events", executions.ExecutionEvents.as_view(), "events"),
    *workflow(f"{ONE}/cancel", commands.Cancel.as_view(), "cancel"),
    *workflow(f"{ONE}/pause", commands.Pause.as_view(), "pause"),
    *workflow(f"{ONE}/resume", commands.Resume.as_view(), "resume"),
    *workflow(f"{ONE}/signal", commands.NotBuilt.as_view(), "signal"),
    *workflow(f"{ONE}/retry", commands.Retry.as_view(), "retry"),
    *workflow(f"{ONE}/rerun", commands.Rerun.as_view(), "rerun"),
    *workflow("definitions", definitions.WorkflowList.as_view(), "definitions"),
    *workflow("definitions/<identifier:workflow_id>", definitions.WorkflowDetail.as_view(), "definition"),
    *workflow(
        "definitions/<identifier:workflow_id>/versions", definitions.WorkflowVersions.as_view(), "versions"
    ),
    *workflow("validate", definitions.Validate.as_view(), "validate"),
    *both("procedures", procedures.ProcedureList.as_view(), "procedures"),
    *both("health", health.Health.as_view(), "health"),
    *both("health/ready", health.Ready.as_view(), "ready"),
    *both("metrics", metrics.Metrics.as_view(), "metrics"),
    *both("openapi.json", documents.OpenAPI.as_view(), "openapi"),
    *both("docs", documents.Docs.as_view(), "docs"),
]
