"""``/openapi.json``, made of the views, and ``/docs``, which shows it with assets of our own."""

from __future__ import annotations

import threading
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.settings import patched_settings
from rest_framework.request import Request
from rest_framework.response import Response

from executions.api.http.view import ApiView
from executions.api.views.documentation import documented, problems
from executions.api.views.streams import DOCUMENTED

Endpoint = tuple[str, str, str, Any]

URLCONF = "executions.api.urls"
DESCRIPTION = (
    "Durable workflows. Everything under `/workflow/` is also served under `/api/workflow/`, and every path "
    "with and without a trailing slash. Errors are RFC 9457 problems."
)
SETTINGS = {
    "TITLE": "c4c API",
    "VERSION": "1.0.0",
    "DESCRIPTION": DESCRIPTION,
    "OAS_VERSION": "3.1.0",
    "PREPROCESSING_HOOKS": ["executions.api.views.documents.canonical_endpoints"],
    "POSTPROCESSING_HOOKS": [],
    "AUTHENTICATION_WHITELIST": [
        "rest_framework.authentication.SessionAuthentication",
        "rest_framework.authentication.BasicAuthentication",
    ],
}


class OpenAPI(ApiView):
    verbs = {"GET": "define"}

    @documented(
        operation_id="openapi",
        summary="This description",
        tags=["server"],
        responses={200: dict[str, Any], **problems()},
    )
    def get(self, request: Request) -> Response:
        root = request.build_absolute_uri(request.path.partition("/openapi.json")[0] or "/").rstrip("/")
        return Response({**schema(), "servers": [{"url": root}]})


class Docs(ApiView):
    verbs = {"GET": "define"}

    @documented(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        return render(request._request, "c4c/docs.html", {"schema_path": schema_path(request._request)})


def schema_path(request: HttpRequest) -> str:
    """``/openapi.json`` beside ``/docs``, wherever both are mounted."""
    return request.path.rstrip("/").removesuffix("/docs") + "/openapi.json"


def schema() -> dict[str, Any]:
    """Generated once per process: it is made of code alone, by settings that are global while it is made."""
    with _lock:
        if not _schema:
            with patched_settings(SETTINGS):
                _schema.update(SchemaGenerator(urlconf=URLCONF).get_schema(request=None, public=True))
        return _schema


def canonical_endpoints(endpoints: list[Endpoint]) -> list[Endpoint]:
    """Each route once, without its other spellings; and the streams, which REST framework does not serve."""
    kept = [endpoint for endpoint in endpoints if _is_canonical(endpoint[0])]
    return kept + [(path, path, "GET", view) for path, view in DOCUMENTED.items()]


_lock = threading.Lock()
_schema: dict[str, Any] = {}

BARE = "/api/workflow/executions/{execution_id}"


def _is_canonical(path: str) -> bool:
    return path == BARE or (not path.endswith("/") and not path.startswith("/api/workflow/"))
