"""The base of the API's views."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import orjson
from django.http import HttpRequest
from drf_spectacular.openapi import AutoSchema
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from executions.api.http.authentication import AUTHENTICATION, MayDo, SentByOurPages
from executions.api.http.parsing import JSONParser
from executions.api.http.problems import respond
from executions.conf import conf


class JSONRenderer(BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> bytes:
        return b"" if data is None else orjson.dumps(data)


class AlwaysJSON(BaseContentNegotiation):
    """The API speaks JSON whatever ``Accept`` says; what a body may be is the parsers' to refuse."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        kind = (request.content_type or "").partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == kind), None)

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class ApiView(APIView):
    """Reads, calls one verb or one query, renders. ``verbs`` says what ``may`` is asked, by method."""

    verbs: ClassVar[dict[str, str]]

    schema = AutoSchema()
    authentication_classes = AUTHENTICATION
    permission_classes = [SentByOurPages, MayDo]
    parser_classes = [JSONParser]
    renderer_classes = [JSONRenderer]
    content_negotiation_class = AlwaysJSON
    throttle_classes = []
    versioning_class = None
    metadata_class = None
    http_method_names = ["get", "post", "put", "delete", "head"]

    def initialize_request(self, request: HttpRequest, *given: Any, **named: Any) -> Request:
        """A body sent in chunks tells no length, and REST framework would take it for none at all."""
        if "CONTENT_LENGTH" not in request.META and "Transfer-Encoding" in request.headers:
            request.META["CONTENT_LENGTH"] = str(conf.MAX_BODY_BYTES)  # the most that will be read
        return super().initialize_request(request, *given, **named)

    def get_exception_handler(self) -> Callable[[Exception, dict[str, Any]], Any]:
        return respond
