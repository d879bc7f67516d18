"""Errors as RFC 9457 problems: every error of the API is rendered here, never as HTML nor with a stack."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import orjson
from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework.exceptions import APIException
from rest_framework.views import set_rollback

from executions.errors import (
    BulkNotFound,
    ExecutionExists,
    ExecutionNotFound,
    Forbidden,
    Incompatible,
    InvalidInput,
    KeyConflict,
    NotAllowed,
    NotWaiting,
    QueueNotFound,
)
from executions.queries import InvalidCursor, InvalidFilter
from workflows.errors import InvalidDefinition, WorkflowNotFound

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong, before it is rendered for a request."""

    status: int
    detail: str
    slug: str = ""
    errors: list[dict[str, Any]] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def document(self, instance: str) -> dict[str, Any]:
        told = {
            "type": f"urn:c4c:problem:{self.slug}" if self.slug else "about:blank",
            "title": title(self.status),
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
            "error": self.detail,
        }
        return told | ({"errors": self.errors} if self.errors else {}) | self.more


class Refused(Exception):
    """Raised by the API's own code to answer with a problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


def invalid(errors: Iterable[dict[str, Any]]) -> Refused:
    """400 with every problem at once: ``[{detail, pointer}]``."""
    return Refused(invalid_problem(list(errors)))


def invalid_problem(errors: list[dict[str, Any]], slug: str = "invalid-request") -> Problem:
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return Problem(400, f"{errors[0]['detail']}{more}", slug, errors)


def render(problem: Problem, request: HttpRequest) -> HttpResponse:
    body = orjson.dumps(problem.document(request.path))
    return HttpResponse(body, status=problem.status, content_type=MEDIA_TYPE, headers=problem.headers)


def respond(error: Exception, context: dict[str, Any]) -> HttpResponse | None:
    """REST framework's exception handler. What is not known here becomes a 500 by ``middleware``."""
    problem = problem_of(error)
    if problem is None:
        return None
    set_rollback()
    return render(problem, context["request"])


def problem_of(error: Exception) -> Problem | None:
    match error:
        case Refused():
            return error.problem
        case APIException():
            return _of_framework(error)
        case Http404():
            return Problem(404, "There is nothing at this address.")
        case DjangoPermissionDenied():
            return Problem(403, str(error) or "You may not do this.")
        case OperationalError() | InterfaceError():
            headers = {"Retry-After": "1"}
            return Problem(503, "The database does not answer.", "database-away", headers=headers)
    return _of_verbs(error)


def title(status: int) -> str:
    return HTTPStatus(status).phrase if status in _KNOWN else "Error"


_KNOWN = {status.value for status in HTTPStatus}


def _of_verbs(error: Exception) -> Problem | None:
    for kind, made in _VERBS.items():
        if isinstance(error, kind):
            return made(error)
    return None


def _not_allowed(error: NotAllowed) -> Problem:
    more = {"currentStatus": error.current_status, "allowedActions": error.allowed_actions}
    return Problem(409, str(error), "not-allowed", more=more)


def _taken(slug: str) -> Callable[[Any], Problem]:
    return lambda error: Problem(409, str(error), slug, more={"executionId": error.execution_id})


def _invalid_input(error: InvalidInput) -> Problem:
    return invalid_problem([_pointing(found["detail"], found["pointer"]) for found in error.problems])


_VERBS: dict[type[Exception], Callable[[Any], Problem]] = {
    ExecutionNotFound: lambda error: Problem(404, str(error), "execution-not-found"),
    WorkflowNotFound: lambda error: Problem(
        404, str(error), "workflow-not-found", more={"nearest": error.nearest}
    ),
    ExecutionExists: _taken("execution-exists"),
    KeyConflict: _taken("key-conflict"),
    NotAllowed: _not_allowed,
    NotWaiting: lambda error: Problem(409, str(error), "not-waiting"),
    Incompatible: lambda error: Problem(409, str(error), "incompatible", more={"reasons": error.reasons}),
    Forbidden: lambda error: Problem(403, str(error), "forbidden"),
    QueueNotFound: lambda error: Problem(404, str(error), "queue-not-found"),
    BulkNotFound: lambda error: Problem(404, str(error), "bulk-not-found"),
    InvalidInput: _invalid_input,
    InvalidDefinition: lambda error: invalid_problem(definition_errors(error), "invalid-definition"),
    InvalidFilter: lambda error: invalid_problem(error.problems),
    InvalidCursor: lambda error: invalid_problem([_pointing(str(error), "/query/cursor")]),
}


def definition_errors(error: InvalidDefinition, below: str = "") -> list[dict[str, Any]]:
    """``[{detail, pointer}]``, pointing below ``below`` where the definition is part of a body."""
    return [_pointing(problem.detail, below + problem.pointer) for problem in error.problems]


def _pointing(detail: str, pointer: str) -> dict[str, Any]:
    """RFC 9457 writes a JSON pointer as the fragment of a URI."""
    return {"detail": detail, "pointer": pointer if pointer.startswith("#") else f"#{pointer}"}


def _of_framework(error: APIException) -> Problem:
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if (wait := getattr(error, "wait", None)) is not None:
        headers["Retry-After"] = str(int(wait) + 1)
    return Problem(error.status_code, str(error.detail), headers=headers)
