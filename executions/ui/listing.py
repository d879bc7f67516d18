"""The list of executions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from executions import queries
from executions.permissions import may
from executions.states import ExecutionStatus
from executions.ui.bulk import allowed
from executions.ui.filters import GROUPS, Address
from executions.ui.form import run_form
from executions.ui.page import followed_at, page, say, show
from executions.ui.retrying import PageFilters, how_many
from executions.ui.rows import Row
from executions.ui.runnable import runnable

SMALLER = (
    (ExecutionStatus.QUEUED, "queued"),
    (ExecutionStatus.WAITING, "waiting"),
    (ExecutionStatus.PAUSED, "paused"),
    (ExecutionStatus.CANCELLED, "cancelled"),
    (ExecutionStatus.TIMED_OUT, "timedOut"),
)
"""Counts beside the four cards: the status, and its name in the stats."""
MOST_FOLLOWED = 200
"""Rows that a page which stays open may ask to be told of again."""


@page("view")
def executions(request: HttpRequest) -> HttpResponse:
    address = Address.of(request.GET)
    try:
        found, following = queries.execution_rows(PageFilters.of(request.GET), address.cursor or None)
    except (queries.InvalidFilter, queries.InvalidCursor) as problem:
        return say(request, 400, "This list cannot be shown", str(problem))
    rows = [Row(document) for document in found]
    stats = queries.stats()
    context = {
        "address": address,
        "stream": followed_at(f"-stream?{address.stream_query}"),
        "rows": rows,
        "followed": _followed(request, address, rows),
        "older": address.older(following),
        "stats": stats,
        "also": [(status, f"?status={status}", stats[name]) for status, name in SMALLER],
        "tabs": _tabs(address, stats),
        "workflows": runnable(),
        "now": timezone.now(),
        "may_start": may(request.user, "start"),
        "bulk": allowed(request.user),
    }
    return show(request, "list", context | _run_panel(request, context))


def _followed(request: HttpRequest, address: Address, rows: list[Row]) -> list[Row]:
    """Rows that an open page shows and this answer would not: pushed down, or no longer in the filter."""
    here = {row.id for row in rows}
    asked = [name for name in request.GET.get("rows", "").split(",") if name and name not in here]
    documents = queries.rows_by_id(asked[:MOST_FOLLOWED]) if asked else []
    rows = [Row(document) for document in documents]
    return [replace(row, gone=not address.shows(row.status, row.document["status"])) for row in rows]


def _tabs(address: Address, stats: dict[str, int]) -> list[dict[str, Any]]:
    counts = {
        "All": stats["total"],
        "Active": stats["queued"] + stats["running"] + stats["waiting"] + stats["paused"],
        "Waiting": stats["waiting"] + stats["paused"],
        "Retrying": how_many(stats["waiting"]),
        "Failed": stats["failed"] + stats["timedOut"],
        "Done": stats["completed"] + stats["cancelled"],
    }
    assert counts.keys() == GROUPS.keys()
    return [
        {"name": name, "url": url, "current": current, "count": counts[name]}
        for name, url, current in address.tabs()
    ]


def _run_panel(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """The Execute control starts on the workflow in the filter, else on the first."""
    workflows = context["workflows"]
    wanted = context["address"].values("workflowId")
    chosen = next((one for one in workflows if one.id in wanted), workflows[0] if workflows else None)
    return {"chosen": chosen, "form": run_form(chosen.input_schema) if chosen else None}
