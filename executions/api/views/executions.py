"""Reading executions, and deleting those that have ended."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from executions import operations, queries
from executions.api import answers
from executions.api.http.paging import limit_of, number_of, page
from executions.api.http.view import ApiView
from executions.api.views.documentation import PAGE, documented, problems, repeated
from executions.conf import conf
from executions.permissions import may
from executions.states import EventType, ExecutionStatus

LATEST_SEQ = 2**31 - 1
FILTERS = [
    repeated("status", "`!` before a value leaves it out.", pattern=f"^!?({'|'.join(ExecutionStatus)})$"),
    repeated("workflowId", "`!` before a value leaves it out."),
    repeated("tag", "Any of them; `!` before a value leaves it out."),
    repeated("trigger", "How it was started."),
    repeated("parent", "The execution that started it."),
    OpenApiParameter("since", str, description="Queued at or after: ISO 8601, or epoch milliseconds."),
    OpenApiParameter("until", str, description="Queued before."),
    repeated("q", "The beginning of an id or a key."),
    OpenApiParameter("include", str, enum=["spans"]),
]


class ExecutionList(ApiView):
    verbs = {"GET": "view"}

    @documented(
        operation_id="listExecutions",
        summary="Executions, the newest first",
        tags=["executions"],
        parameters=[*FILTERS, *PAGE],
        responses={200: answers.ExecutionPage, **problems(400)},
    )
    def get(self, request: Request) -> Response:
        parameters = request.query_params
        rows, following = queries.execution_rows(
            queries.Filters.read(parameters),
            parameters.get("cursor"),
            limit_of(request),
            include_spans="spans" in parameters.getlist("include"),
        )
        return page(request, {"executions": rows, "stats": queries.stats()}, following)


class ExecutionDetail(ApiView):
    verbs = {"GET": "view", "DELETE": "delete"}

    @documented(
        operation_id="getExecution",
        summary="One execution, whole",
        tags=["executions"],
        responses={200: answers.OneExecution, **problems(404)},
    )
    def get(self, request: Request, execution_id: str) -> Response:
        return Response({"execution": self.document(request, execution_id)})

    @documented(
        operation_id="deleteExecution",
        summary="Delete an execution that has ended",
        tags=["executions"],
        responses={204: None, **problems(404, 409)},
    )
    def delete(self, request: Request, execution_id: str) -> Response:
        operations.delete(execution_id)
        return Response(status=204)

    def document(self, request: Request, execution_id: str) -> dict[str, Any]:
        return queries.execution_document(execution_id, stack=may(request.user, "see_errors"), reasons=True)


class BareExecution(ExecutionDetail):
    """``/api/workflow/executions/:id``, as the seeds' front end reads it."""

    @documented(
        operation_id="getBareExecution",
        summary="One execution, bare",
        tags=["executions"],
        responses={200: answers.Execution, **problems(404)},
    )
    def get(self, request: Request, execution_id: str) -> Response:
        return Response(self.document(request, execution_id))

    @documented(exclude=True)
    def delete(self, request: Request, execution_id: str) -> Response:
        return super().delete(request, execution_id)


class ExecutionNodes(ApiView):
    verbs = {"GET": "view"}

    @documented(
        operation_id="listNodeRuns",
        summary="All node runs, in the order in which they were reached",
        tags=["executions"],
        parameters=PAGE,
        responses={200: answers.NodeRunPage, **problems(400, 404)},
    )
    def get(self, request: Request, execution_id: str) -> Response:
        rows, following = queries.node_runs_page(
            execution_id,
            request.query_params.get("cursor"),
            limit_of(request),
            stack=may(request.user, "see_errors"),
        )
        return page(request, {"nodes": rows}, following)


class ExecutionEvents(ApiView):
    verbs = {"GET": "view"}

    @documented(
        operation_id="listEvents",
        summary="The event log: what a client polls that cannot stream",
        tags=["executions"],
        parameters=[
            OpenApiParameter("after", int, description="The last seq that is known; 0 by default."),
            repeated("type", "Only events of these types.", enum=list(EventType)),
            OpenApiParameter("limit", int, description="1 to 1000; 1000 by default."),
        ],
        responses={200: answers.EventPage, **problems(400, 404)},
    )
    def get(self, request: Request, execution_id: str) -> Response:
        after = number_of(request, "after", least=0, most=LATEST_SEQ, usual=0)
        limit = limit_of(request, most=conf.MAX_EVENTS, usual=conf.MAX_EVENTS)
        types = [value for value in request.query_params.getlist("type") if value in set(EventType)]
        asked = "type" in request.query_params
        return Response(queries.events_after(execution_id, after, types if asked else None, limit))
