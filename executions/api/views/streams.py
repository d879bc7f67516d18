"""The streams, as /openapi.json tells of them; ``executions.streams`` serves them, outside REST framework."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.request import Request
from rest_framework.response import Response

from executions.api.http.view import ApiView
from executions.api.views.documentation import documented, problems

EVENT_STREAM = "text/event-stream"
EVENTS = OpenApiParameter("events", str, description="Only these types, separated by commas.")
LIST_FRAMES = (
    "Server-sent events without ids: `executions.initial` and, when anything changed, `executions.update` "
    "(`{executions, stats, timestamp}`), every execution's own log events, and `heartbeat`."
)
DETAIL_FRAMES = (
    "Server-sent events: `workflow.stream.connected`, `execution.snapshot` (left out when resuming), each "
    "event of the log under its own name with the id `<executionId>:<seq>`, after the last one "
    "`workflow.result`, then the end. 204 for who has the last event already."
)


class ListStream(ApiView):
    verbs = {"GET": "view"}

    @documented(
        operation_id="streamExecutions",
        summary="All executions, live",
        description=LIST_FRAMES,
        tags=["streams"],
        parameters=[
            EVENTS,
            OpenApiParameter("workflowId", str, many=True),
            OpenApiParameter("status", str, many=True),
            OpenApiParameter("tag", str, many=True),
        ],
        responses={(200, EVENT_STREAM): str, **problems(400, 429)},
    )
    def get(self, request: Request) -> Response:
        raise NotImplementedError


class ExecutionStream(ApiView):
    verbs = {"GET": "view"}

    @documented(
        operation_id="streamExecution",
        summary="One execution, live",
        description=DETAIL_FRAMES,
        tags=["streams"],
        parameters=[
            OpenApiParameter("execution_id", str, OpenApiParameter.PATH),
            OpenApiParameter("Last-Event-ID", str, OpenApiParameter.HEADER, description="Where to go on."),
            OpenApiParameter("lastEventId", str, description="The same where no header can be set."),
            OpenApiParameter("after", int, description="Replay the log from above this seq."),
            OpenApiParameter("wait", bool, description="Wait for an execution that is not there yet."),
            EVENTS,
        ],
        responses={
            (200, EVENT_STREAM): str,
            204: OpenApiResponse(description="It has ended, and you have its last event."),
            **problems(400, 404, 429),
        },
    )
    def get(self, request: Request, execution_id: str) -> Response:
        raise NotImplementedError


DOCUMENTED = {
    "/workflow/executions-stream": ListStream.as_view(),
    "/workflow/executions/{execution_id}/stream": ExecutionStream.as_view(),
}
