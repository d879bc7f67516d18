"""What the documentation of several views has in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema

from executions.api import answers
from executions.api.http.problems import MEDIA_TYPE, title

F = TypeVar("F", bound=Callable[..., Any])


def documented(**told: Any) -> Callable[[F], F]:
    """``extend_schema`` whatever the project's ``DEFAULT_SCHEMA_CLASS`` is."""

    def decorate(method: F) -> F:
        method.schema = AutoSchema  # type: ignore[attr-defined]
        return extend_schema(**told)(method)

    return decorate


LIMIT = OpenApiParameter("limit", int, description="1 to 200; 50 by default.")
CURSOR = OpenApiParameter("cursor", str, description="nextCursor of the page before.")
PAGE = [LIMIT, CURSOR]
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="The same key and body within 24 hours get the first answer again.",
)


def problems(*statuses: int) -> dict[tuple[int, str], Any]:
    """The errors that a route may answer, beside 401 and 403."""
    return {
        (status, MEDIA_TYPE): OpenApiResponse(answers.Problem, description=title(status))
        for status in (401, 403, *statuses)
    }


def repeated(name: str, description: str, **more: Any) -> OpenApiParameter:
    return OpenApiParameter(name, str, many=True, explode=True, description=description, **more)
