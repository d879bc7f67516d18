"""What a person may do to an execution: which buttons are shown, and the forms that they send."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect

from executions import operations
from executions.errors import ExecutionError, ExecutionNotFound, InvalidInput
from executions.models import Execution
from executions.permissions import actor, may
from executions.ui.form import Unreadable, read_any
from executions.ui.page import page, say

VERBS = ("cancel", "terminate", "pause", "resume", "signal", "retry", "rerun")


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
    except (InvalidInput, Unreadable) as problem:
        return say(request, 400, "It was not done", sentence(str(problem)), back=execution_id)
    except ExecutionError as problem:
        return say(request, 409, "It has moved on", sentence(str(problem)), back=execution_id)


def _do(request: HttpRequest, execution_id: str, verb: str) -> str:
    """The id of the execution to look at next."""
    return ACTS[verb](execution_id, request.POST, actor(request)).pk


def _signal(execution_id: str, posted: QueryDict, who: str) -> Execution:
    payload = read_any(posted.get("payload", ""))
    return operations.signal(execution_id, posted.get("name", ""), payload, actor=who)


def _reason(posted: QueryDict) -> str:
    return posted.get("reason", "")[:200]


ACTS: dict[str, Callable[[str, QueryDict, str], Execution]] = {
    "cancel": lambda id, posted, who: operations.cancel(id, reason=_reason(posted), actor=who),
    "terminate": lambda id, posted, who: operations.terminate(id, reason=_reason(posted), actor=who),
    "pause": lambda id, posted, who: operations.pause(id, actor=who),
    "resume": lambda id, posted, who: operations.resume(id, actor=who),
    "signal": _signal,
    "retry": lambda id, posted, who: operations.retry(id, actor=who),
    "rerun": lambda id, posted, who: operations.rerun(id, actor=who),
}


def sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."
