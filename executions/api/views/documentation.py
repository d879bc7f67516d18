"""What the documentation of several views has in common."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

from executions.api import answers
from executions.api.http.problems import MEDIA_TYPE, title

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
