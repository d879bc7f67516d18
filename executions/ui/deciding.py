"""Approvals: what waits for the reader's decision, and giving it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from executions import operations, queries
from executions.errors import ExecutionError, ExecutionNotFound, Forbidden, InvalidInput
from executions.models import NodeRun
from executions.permissions import actor, may
from executions.queries.approvals import awaiting
from executions.ui.actions import sentence
from executions.ui.form import Unreadable, read, run_form, typed
from executions.ui.page import SIGNED_IN, page, say, show


@page(SIGNED_IN)
def approvals(request: HttpRequest) -> HttpResponse:
    """The reader's own, the oldest first. An approval may name somebody who may see nothing else."""
    try:
        found, following = queries.approvals(request.user, request.GET.get("cursor") or None)
    except queries.InvalidCursor as problem:
        return say(request, 400, "This list cannot be shown", str(problem))
    context = {
        "approvals": [_told(one) for one in found],
        "older": following,
        "sees": may(request.user, "view"),
        "now": timezone.now(),
    }
    return show(request, "approvals/list", context)


@page(SIGNED_IN, "GET", "HEAD", "POST")
def decide(request: HttpRequest, execution_id: str) -> HttpResponse:
    """The approval's own page, for one that asks for more than yes or no; a POST gives the decision."""
    index = (request.POST or request.GET).get("run", "")
    run = _run(execution_id, index)
    if run is None:
        return say(request, 404, "Nothing to decide", "It does not wait for an approval, or not any more.")
    if not may(request.user, "decide", run):
        return say(request, 403, "Not yours", f"The approval of {run.node_id} is not yours to give.")
    asked = run.input or {}
    context = {
        "run": run,
        "asked": asked,
        "next": (request.POST or request.GET).get("next", ""),
        "comment": request.POST.get("comment", ""),
        "sees": may(request.user, "view"),
        "form": run_form(asked["form"]) if asked.get("form") else None,
    }
    if request.method != "POST":
        return show(request, "approvals/decide", context)
    return _decided(request, run, context)


def _decided(request: HttpRequest, run: NodeRun, context: dict[str, Any]) -> HttpResponse:
    schema, decision = context["asked"].get("form"), request.POST.get("decision", "")
    try:
        payload = read(schema, request.POST) if schema and decision == "approved" else None
        operations.decide(
            run.execution_id,
            run.index,
            decision,
            comment=context["comment"],
            payload=payload,
            user=request.user,
            actor=actor(request),
        )
    except (Unreadable, InvalidInput) as problem:
        if not schema:
            return say(request, 400, "It was not decided", sentence(str(problem)), back=run.execution_id)
        mode = request.POST.get("mode", "json")
        again = run_form(
            schema,
            typed(schema, request.POST),
            mode=mode,
            text=request.POST.get("json") if mode == "json" else None,
            problems=_inside(problem.problems),
        )
        return show(request, "approvals/decide", context | {"form": again}, status=400)
    except ExecutionNotFound as problem:
        return say(request, 404, "Execution not found", str(problem))
    except Forbidden as problem:
        return say(request, 403, "Not yours", str(problem))
    except ExecutionError as problem:
        return say(request, 409, "It has moved on", sentence(str(problem)), back=run.execution_id)
    return _onward(request, run, context)


def _onward(request: HttpRequest, run: NodeRun, context: dict[str, Any]) -> HttpResponse:
    """Where the reader came from, where that is ours."""
    if context["next"] == "approvals" or not context["sees"]:
        return redirect("c4c:approvals")
    return redirect("c4c:execution", run.execution_id)


def _run(execution_id: str, index: str) -> NodeRun | None:
    """The run that waits, or the only one of the execution where none is named."""
    found = awaiting().select_related("execution").filter(execution=execution_id)
    if index.isdigit() and len(index) < 10:
        found = found.filter(index=int(index))
    return found.order_by("index").first()


def _inside(problems: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As the form sees them: it fills in the payload."""
    return [{**one, "pointer": str(one.get("pointer", "")).removeprefix("/payload")} for one in problems]


def _told(approval: dict[str, Any]) -> dict[str, Any]:
    index = approval["runId"].rpartition(".")[2]
    named = [*approval["users"], *(f"a member of {group}" for group in approval["groups"])]
    times = {name: parse_datetime(approval[name]) for name in ("since", "until") if approval.get(name)}
    return {**approval, "index": index, "people": " or ".join(named), **times}
