"""Pages: ``?limit=`` and ``?cursor=`` in, ``nextCursor`` and a ``Link`` header out."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from rest_framework.request import Request
from rest_framework.response import Response

from executions.api.http.problems import invalid
from executions.conf import conf


def limit_of(request: Request, *, most: int | None = None, usual: int | None = None) -> int:
    return number_of(
        request, "limit", least=1, most=most or conf.MAX_PAGE_SIZE, usual=usual or conf.PAGE_SIZE
    )


def number_of(request: Request, name: str, *, least: int, most: int, usual: int) -> int:
    given = request.query_params.get(name)
    if given is None:
        return usual
    if not (given.isascii() and given.isdigit() and least <= int(given[:20]) <= most):
        detail = f"{name} must be a whole number from {least} to {most}."
        raise invalid([{"detail": detail, "pointer": f"#/query/{name}"}])
    return int(given)


def page(request: Request, document: dict[str, Any], next_cursor: str | None) -> Response:
    """``document`` with ``nextCursor``, null at the end."""
    response = Response({**document, "nextCursor": next_cursor})
    if next_cursor is not None:
        query = request.query_params.copy()
        query["cursor"] = next_cursor
        response["Link"] = f'<{quote(request.path)}?{urlencode(query, doseq=True)}>; rel="next"'
    return response
