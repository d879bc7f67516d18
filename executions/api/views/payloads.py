"""Values that are too large for documents, each by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponseBase, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request

from executions import queries
from executions.api.http.problems import Problem, Refused
from executions.api.http.view import ApiView
from executions.api.views.documentation import documented, problems
from executions.vault.stored import Damaged


class NodeOutput(ApiView):
    verbs = {"GET": "view"}

    @documented(
        operation_id="getNodeOutput",
        summary="What a node run gave, whole",
        tags=["executions"],
        responses={(200, "application/json"): OpenApiTypes.ANY, **problems(404, 410)},
    )
    def get(self, request: Request, execution_id: str, run_id: str) -> HttpResponseBase:
        try:
            return _streamed(request, queries.output_chunks(execution_id, run_id))
        except queries.NodeRunNotFound as error:
            raise Refused(Problem(404, str(error), "node-run-not-found")) from error
        except Damaged as error:
            raise Refused(Problem(410, f"The output is lost: {error}.", "payload-lost")) from error


class ExecutionInput(ApiView):
    verbs = {"GET": "view"}

    @documented(
        operation_id="getExecutionInput",
        summary="The input of an execution, whole",
        tags=["executions"],
        responses={(200, "application/json"): OpenApiTypes.ANY, **problems(404, 410)},
    )
    def get(self, request: Request, execution_id: str) -> HttpResponseBase:
        try:
            return _streamed(request, queries.input_chunks(execution_id))
        except Damaged as error:
            raise Refused(Problem(410, f"The input is lost: {error}.", "payload-lost")) from error


def _streamed(request: Request, chunks: Iterator[bytes]) -> StreamingHttpResponse:
    """As the server wants it: a sync iterator would be read whole into an ASGI server's memory."""
    is_async = isinstance(request._request, ASGIRequest)
    return StreamingHttpResponse(_async(chunks) if is_async else chunks, content_type="application/json")


async def _async(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    following = sync_to_async(lambda: next(chunks, None))
    while (chunk := await following()) is not None:
        yield chunk
