"""Whether the server lives, and whether it is ready for work."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models.functions import Now
from rest_framework.request import Request
from rest_framework.response import Response

from executions.api import answers
from executions.api.http.authentication import PUBLIC
from executions.api.http.view import ApiView
from executions.api.views.documentation import documented
from executions.models import Executor
from executions.streams.connection import open_connections

Check = dict[str, Any]
OK: Check = {"status": "ok"}


class Health(ApiView):
    verbs = {"GET": PUBLIC}
    authentication_classes = []

    @documented(operation_id="health", summary="The server lives", tags=["server"], responses=answers.Health)
    def get(self, request: Request) -> Response:
        return Response({"status": "ok"})


class Ready(ApiView):
    verbs = {"GET": PUBLIC}
    authentication_classes = []

    @documented(
        operation_id="ready",
        summary="The server is ready for work, part by part",
        description="A warning leaves it ready: without an executor, executions are stored and wait.",
        tags=["server"],
        responses={200: answers.Readiness, 503: answers.Readiness},
    )
    def get(self, request: Request) -> Response:
        checks = {name: _told(check) for name, check in CHECKS.items()}
        failed = any(check["status"] == "failed" for check in checks.values())
        response = Response(
            {"status": "failed" if failed else "ok", "checks": checks}, status=503 if failed else 200
        )
        if failed:
            response["Retry-After"] = "1"
        return response


def _told(check: Callable[[], Check]) -> Check:
    try:
        return check()
    except Error as error:
        return {"status": "failed", "detail": type(error).__name__}


def _database() -> Check:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return OK


class _Migrations:
    """Applied migrations stay applied, so that success is asked for once."""

    def __init__(self) -> None:
        self._applied = threading.Event()

    def __call__(self) -> Check:
        if not self._applied.is_set():
            executor = MigrationExecutor(connection)
            missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
            if missing:
                return {"status": "failed", "detail": f"{missing} migrations are not applied"}
            self._applied.set()
        return OK


def _executors() -> Check:
    alive = Executor.objects.filter(expires_at__gt=Now()).count()
    return (
        {**OK, "alive": alive}
        if alive
        else {"status": "warning", "detail": "no executor is alive", "alive": 0}
    )


def _streams() -> Check:
    connections = open_connections()
    if connections.refusing:
        return {"status": "failed", "detail": "the server is ending", "open": len(connections)}
    return {**OK, "open": len(connections)}


CHECKS: dict[str, Callable[[], Check]] = {
    "database": _database,
    "migrations": _Migrations(),
    "executors": _executors,
    "streams": _streams,
}
