"""What a person may do to an execution: which buttons are shown, and the forms that they send."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from executions import operations
from executions.errors import ExecutionError, ExecutionNotFound
from executions.models import Execution
from executions.permissions import actor, may
from executions.ui.page import page, say

VERBS = ("cancel", "pause", "resume", "retry", "rerun")


def offered(execution: Execution, user: Any) -> set[str]:
    """The verbs that the execution's state allows and the user may."""
    allowed = operations.allowed_actions(execution)
    return {verb for verb in VERBS if verb in allowed and may(user, verb, execution)}


@page("view", "POST")
def act(request: HttpRequest, execution_id: str, verb: str) -> HttpResponse:
    """Do it, and show the execution, or the new one that it made. What is refused is said."""
    if not may(request.user, verb):
        return say(request, 403, "Not allowed", f"Your account may not {verb} executions. Ask an operator.")
    try:
        return redirect("c4c:execution", _do(request, execution_id, verb))
    except ExecutionNotFound as problem:
        return say(request, 404, "Execution not found", str(problem))
    except ExecutionError as problem:
        return say(request, 409, "It has moved on", _sentence(str(problem)))


def _do(request: HttpRequest, execution_id: str, verb: str) -> str:
    """The id of the execution to look at next."""
    who = actor(request)
    match verb:
        case "cancel":
            reason = request.POST.get("reason", "")[:200]
            return operations.cancel(execution_id, reason=reason, actor=who).pk
        case "pause":
            return operations.pause(execution_id, actor=who).pk
        case "resume":
            return operations.resume(execution_id, actor=who).pk
        case "retry":
            return operations.retry(execution_id, actor=who).pk
        case _:
            return operations.rerun(execution_id, actor=who).pk


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."
