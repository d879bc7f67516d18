"""``c4c serve api`` in a process of its own, on the tests' database."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
from django.db import connection

from tests import database

PROJECT = Path(__file__).resolve().parents[2]
START_SECONDS = 30.0
ANSWER_SECONDS = 40.0


class Server:
    def __init__(self, home: Path) -> None:
        self.port = _unused_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.log = home / "server.log"
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.api.settings",
            "DATABASE_URL": database.url(),
            "C4C_DATA_DIR": str(home),
        }
        command = [sys.executable, "manage.py", "c4c", "serve", "api", "-p", str(self.port)]
        with self.log.open("w") as output:
            self.process = subprocess.Popen(
                command, cwd=PROJECT, env=environment, stdout=output, stderr=subprocess.STDOUT
            )
        until(self._is_ready, f"the server is ready: {self.log}", START_SECONDS)

    def get(self, path: str, **more: Any) -> httpx.Response:
        return httpx.get(self.base + path, timeout=ANSWER_SECONDS, **more)

    def post(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        return httpx.post(self.base + path, json=body or {}, headers=headers, timeout=ANSWER_SECONDS)

    def execute(
        self, workflow: str | dict[str, Any], headers: dict[str, str] | None = None, **body: Any
    ) -> Any:
        named = {"workflowId": workflow} if isinstance(workflow, str) else {"workflow": workflow}
        return self.post("/workflow/execute", {**named, **body}, **(headers or {}))

    def execution(self, execution_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"/api/workflow/executions/{execution_id}").json()
        return found

    def threads(self) -> int:
        return psutil.Process(self.process.pid).num_threads()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(10)

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            checks = httpx.get(f"{self.base}/health/ready", timeout=5).json()["checks"]
        except (httpx.HTTPError, ValueError):
            return False
        return all(check["status"] == "ok" for check in checks.values())


def until(holds: Callable[[], object], what: str, limit: float = 20.0) -> None:
    end = time.monotonic() + limit
    while not holds():
        assert time.monotonic() < end, f"not within {limit:g} s: {what}"
        time.sleep(0.05)


def database_connections() -> int:
    """Of everybody to the tests' database. From any thread, whose own connection does not stay."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND backend_type = 'client backend'"
            )
            return int(cursor.fetchone()[0])
    finally:
        connection.close()


def napping(seconds: float, *, parked: bool = False) -> dict[str, Any]:
    """An inline definition of one node that takes so long: in a procedure, or parked in the database."""
    node: dict[str, Any] = {"id": "nap", "type": "procedure", "procedureName": "custom.delay"}
    if parked:
        node = {"id": "nap", "type": "delay"}
    node["config"] = {"seconds": seconds}
    return {"id": "napping", "name": "Napping", "version": "1", "startNode": "nap", "nodes": [node]}


def _unused_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port: int = trial.getsockname()[1]
        return port
