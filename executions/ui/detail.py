"""One execution."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from executions.models import Execution, NodeRun
from executions.permissions import may
from executions.queries.totals import total_of
from executions.states import ExecutionStatus
from executions.ui.actions import offered
from executions.ui.graph import graph
from executions.ui.items import items
from executions.ui.log import log
from executions.ui.outline import Outline
from executions.ui.page import followed_at, page, say, show
from executions.ui.retrying import shown_status
from executions.ui.steps import PAGE, last_run, steps, told, tries
from executions.ui.telling import told as told_by
from executions.ui.timeline import timeline
from executions.ui.waits import MOST, waits, why

VIEWS = {"graph": "Graph", "timeline": "Timeline", "trace": "Trace", "events": "Events"}


@page("view")
def execution(request: HttpRequest, execution_id: str) -> HttpResponse:
    # The row first: what is read after it is at least as new as the cursor that the page will follow from.
    found = Execution.objects.select_related("version").filter(pk=execution_id).first()
    if found is None:
        return say(request, 404, "Execution not found", f"There is no execution '{execution_id}'.")
    outline = Outline.of(found)
    view = request.GET.get("view", "")
    context = _head(request, found, outline) | _inspector(request, found, outline)
    context["view"] = view if view in VIEWS else next(iter(VIEWS))
    return show(request, "detail", context | _view(request, found, outline, context["view"]))


def _head(request: HttpRequest, execution: Execution, outline: Outline) -> dict[str, Any]:
    total = total_of(execution.version) or 0
    return {
        "execution": execution,
        "status": shown_status(execution.status, outline.latest.values()),
        "error": execution.error or {},
        "is_terminal": ExecutionStatus(execution.status).is_terminal,
        "outline": outline,
        "latest": list(outline.latest.values()),
        "total": total,
        "actions": offered(execution, request.user),
        "why": why(execution),
        "waits": waits(execution, request.user) if outline.parked else [],
        "more_waits": max(0, outline.parked - MOST),
        "children": Execution.objects.filter(parent=execution).count() if outline.has_children else 0,
        "sees_stack": may(request.user, "see_errors", execution),
        "stream": followed_at(f"/{execution.pk}/stream"),
        "poll": followed_at(f"/{execution.pk}/events"),
        "now": timezone.now(),
    }


def _inspector(request: HttpRequest, execution: Execution, outline: Outline) -> dict[str, Any]:
    chosen = request.GET.get("node", "")
    node_id = chosen or outline.most_telling(execution)
    run = last_run(execution, node_id, _number(request, "run", None)) if node_id else None
    known = {node["id"]: node for node in execution.version.definition.get("nodes", ())}
    context = {
        "node_id": node_id if run or node_id in known else "",
        "node": known.get(node_id),
        "run": run,
        "times": outline.times[node_id],
    }
    return context | (_inspected(request, execution, outline, run, known.get(node_id) or {}) if run else {})


def _inspected(
    request: HttpRequest, execution: Execution, outline: Outline, run: NodeRun, node: dict[str, Any]
) -> dict[str, Any]:
    """What a run is inspected for, beside its row."""
    status, address = request.GET.get("item", ""), _Address(request)
    found = items(execution, run, node, status, _number(request, "items", 0) or 0)
    further = found.following if found else None
    return {
        "tries": tries(run),
        "step_run": told(execution, outline, [run])[0],
        "told": told_by(run) if run.kind == "procedure" else None,
        "items": found,
        "item": status,
        "item_counts": [(name, count, address.with_("item", name)) for name, count in found.counts]
        if found
        else [],
        "all_items": address.with_("item", ""),
        "further_items": address.with_("items", str(further)) if further else "",
        "to_run": address.up_to("node"),
    }


def _view(request: HttpRequest, execution: Execution, outline: Outline, view: str) -> dict[str, Any]:
    address = _Address(request)
    tabs = {
        "tabs": [(name, said, address.with_("view", name)) for name, said in VIEWS.items()],
        "to_node": address.up_to("node"),
    }
    if view in ("timeline", "trace"):
        return {**tabs, "timeline": timeline(execution, len(outline.runs))}
    if view == "events":
        found = log(execution, _number(request, "before", None))
        older = address.with_("before", str(found.before)) if found.before else ""
        return {**tabs, "log": found, "older": older}
    status = request.GET.get("step", "")
    first = _number(request, "from", 0 if status else _newest(execution, outline)) or 0
    shown = steps(execution, outline, first, status)
    return {
        **tabs,
        "graph": graph(execution, outline, asked="draw" in request.GET),
        "draw": address.with_("draw", "1"),
        "steps": shown.steps,
        "repeats": outline.repeats,
        "earlier": address.with_("from", str(max(0, first - PAGE))) if first else "",
        "further": "" if shown.following is None else address.with_("from", str(shown.following)),
        "counts": [(status, count, address.with_("step", status)) for status, count in outline.by_status],
        "step": status,
        "all_steps": address.with_("step", ""),
    }


def _newest(execution: Execution, outline: Outline) -> int:
    """Where the steps begin unasked: at the start, but of a long execution in flight with the newest."""
    over = ExecutionStatus(execution.status).is_terminal
    return 0 if over else max(0, len(outline.runs) - PAGE)


class _Address:
    """Links to the same page with one thing changed; what belongs to one view only does not travel."""

    KEPT = ("view", "node", "run", "item", "step", "draw")
    OF_A_NODE = ("node", "run", "item")

    def __init__(self, request: HttpRequest) -> None:
        self.here = {name: request.GET[name] for name in self.KEPT if request.GET.get(name)}

    def with_(self, name: str, value: str) -> str:
        pairs = {**self.here, name: value}
        return f"?{urlencode({name: value for name, value in pairs.items() if value})}"

    def up_to(self, name: str) -> str:
        """The link that lacks only the value of ``name``, for templates that have many of them."""
        gone = self.OF_A_NODE if name == "node" else (name,)
        pairs = {known: value for known, value in self.here.items() if known not in gone}
        return f"?{urlencode([*pairs.items(), (name, '')])}"


def _number(request: HttpRequest, name: str, default: int | None) -> int | None:
    text = request.GET.get(name, "")
    return int(text) if text.isdigit() and len(text) < 10 else default
