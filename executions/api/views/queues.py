"""Queues: what waits in each, and holding one back."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from executions import queues
from executions.api import answers, bodies
from executions.api.http.parsing import read_body
from executions.api.http.view import ApiView
from executions.api.views.documentation import documented, problems
from executions.permissions import actor
from executions.queries import iso


class QueueListing(ApiView):
    verbs = {"GET": "view"}

    @documented(
        operation_id="listQueues",
        summary="The queues, and what waits in each",
        tags=["queues"],
        responses={200: answers.QueueList, **problems()},
    )
    def get(self, request: Request) -> Response:
        return Response({"queues": [_row(found) for found in queues.listed()]})


class PauseQueue(ApiView):
    verbs = {"POST": "hold_queue"}

    @documented(
        operation_id="pauseQueue",
        summary="Let nothing of a queue start or wake; what runs goes on",
        tags=["queues"],
        request=bodies.Nothing,
        responses={200: answers.OneQueue, **problems(400)},
    )
    def post(self, request: Request, name: str) -> Response:
        read_body(request, bodies.Nothing)
        queues.pause(name, actor=actor(request._request))
        return _one(name)


class ResumeQueue(ApiView):
    verbs = {"POST": "hold_queue"}

    @documented(
        operation_id="resumeQueue",
        summary="Go on with a paused queue",
        tags=["queues"],
        request=bodies.Nothing,
        responses={200: answers.OneQueue, **problems(404)},
    )
    def post(self, request: Request, name: str) -> Response:
        read_body(request, bodies.Nothing)
        queues.resume(name)
        return _one(name)


def _one(name: str) -> Response:
    return Response({"queue": next(_row(found) for found in queues.listed() if found["name"] == name)})


def _row(found: dict[str, Any]) -> dict[str, Any]:
    told = {name: found[name] for name in ("name", "due", "waiting", "gated", "running", "executors")}
    paused_at = found["paused_at"]
    return {**told, "pausedAt": iso(paused_at) if paused_at else None, "pausedBy": found["paused_by"] or ""}
