"""One verb for many executions: asked for in the list, counted and confirmed here, then watched."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from executions import queries
from executions.errors import BulkNotFound, ExecutionError, InvalidInput
from executions.moments import iso
from executions.operations import bulk as verbs
from executions.permissions import may
from executions.ui.actions import sentence
from executions.ui.form import Unreadable, read_any
from executions.ui.page import page, say, show
from executions.ui.vocabulary import BULK

NAMES = tuple(sorted(verbs.FILTERS))
SLACK = timedelta(seconds=1)

assert BULK.keys() == verbs.ACTIONS.keys()


def allowed(user: Any) -> list[tuple[str, str]]:
    """``(action, its word)`` of those that the user may have done to many."""
    return [(action, said) for action, said in BULK.items() if may(user, action)]


@page("view")
def bulks(request: HttpRequest) -> HttpResponse:
    try:
        found, following = queries.bulk_page(request.GET.get("cursor") or None)
    except queries.InvalidCursor as problem:
        return say(request, 400, "This list cannot be shown", str(problem))
    context = {"bulks": [_told(one) for one in found], "older": following, "now": timezone.now()}
    return show(request, "bulk/list", context)


@page("view")
def bulk(request: HttpRequest, bulk_id: str) -> HttpResponse:
    try:
        found = queries.bulk_document(bulk_id)
    except BulkNotFound as problem:
        return say(request, 404, "Bulk operation not found", str(problem))
    may_stop = found["status"] == "running" and may(request.user, found["action"])
    context = {"bulk": _told(found), "may_stop": may_stop, "now": timezone.now()}
    return show(request, "bulk/detail", context)


@page("view", "GET", "HEAD", "POST")
def begin(request: HttpRequest) -> HttpResponse:
    """First how many it would be, in words; a POST has it done."""
    given = request.POST or request.GET
    action = given.get("action", "")
    if action not in BULK:
        return say(request, 400, "Nothing to do", "Choose what is to be done with the executions.")
    asked = _asked(given)
    if asked.get("ids") == []:
        return say(
            request, 400, "Nothing chosen", "Tick the executions that are meant, or take all that match."
        )
    try:
        return (
            _begun(request, action, asked) if request.method == "POST" else _counted(request, action, asked)
        )
    except (InvalidInput, Unreadable, queries.InvalidFilter) as problem:
        return say(request, 400, "It was not done", sentence(str(problem)))
    except ExecutionError as problem:
        return say(request, 403, "Not allowed", str(problem))


def _counted(request: HttpRequest, action: str, asked: dict[str, Any]) -> HttpResponse:
    # A signal's name is asked for together with the confirmation.
    options = {"name": "?"} if action == "signal" else {}
    count = verbs.preview(action, **asked, options=options, user=request.user)
    context = {"action": action, "said": BULK[action], "asked": asked, "count": count, "pairs": _pairs(asked)}
    return show(request, "bulk/begin", context)


def _begun(request: HttpRequest, action: str, asked: dict[str, Any]) -> HttpResponse:
    made = verbs.begin(action, **asked, options=_options(action, request.POST), user=request.user)
    return redirect("c4c:bulk", made.pk)


@page("view", "POST")
def stop(request: HttpRequest, bulk_id: str) -> HttpResponse:
    """Leave the rest as it is."""
    try:
        action = queries.bulk_document(bulk_id)["action"]
        if not may(request.user, action):
            return say(request, 403, "Not allowed", f"Your account may not {action} executions.")
        return redirect("c4c:bulk", verbs.stop(bulk_id).pk)
    except BulkNotFound as problem:
        return say(request, 404, "Bulk operation not found", str(problem))


def _asked(given: Any) -> dict[str, Any]:
    """Either the ids, or the filters of the list. Where none is set, all that there is now."""
    if given.get("scope") != "filter":
        return {"ids": [name for name in given.getlist("ids") if name]}
    found = {name: values for name in NAMES if (values := [one for one in given.getlist(name) if one])}
    single = {name: values[-1] if name in ("since", "until") else values for name, values in found.items()}
    return {"filter": single or {"until": iso(timezone.now() + SLACK)}}


def _options(action: str, given: Any) -> dict[str, Any]:
    """Raises Unreadable."""
    if action in ("cancel", "terminate"):
        reason = given.get("reason", "")[:200]
        return {"reason": reason} if reason else {}
    if action == "signal":
        return {"name": given.get("name", ""), "payload": read_any(given.get("payload", ""))}
    if action == "rerun" and given.get("version") == "latest":
        return {"version": "latest"}
    return {}


def _pairs(asked: dict[str, Any]) -> list[tuple[str, str]]:
    """As hidden fields of the form that confirms."""
    if "ids" in asked:
        return [("ids", name) for name in asked["ids"]]
    found = []
    for name, values in asked["filter"].items():
        found += [(name, one) for one in ([values] if isinstance(values, str) else values)]
    return [("scope", "filter"), *found]


def _told(found: dict[str, Any]) -> dict[str, Any]:
    """With its word, how far it is, and the filter in words."""
    done, total = found["applied"] + found["refused"], found["total"]
    percent = None if total is None else 100 if not total else min(100, 100 * done // total)
    said = BULK.get(found["action"], found["action"])
    return {**found, "said": said, "done": done, "percent": percent, "pairs": _pairs_of(found.get("filter"))}


def _pairs_of(filter: dict[str, Any] | None) -> list[tuple[str, str]]:
    return [pair for pair in _pairs({"filter": filter or {}}) if pair[0] != "scope"]
