"""Workers in processes of their own, on the test's database."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest
from django.db import connection

from executions import operations
from executions.models import Execution
from workflows import library

LIMIT = 45.0
Worker = subprocess.Popen[bytes]


@pytest.fixture
def worker(transactional_db: None) -> Iterator[Callable[..., Worker]]:
    """Start a worker; what is left of them at the end is killed."""
    started: list[Worker] = []

    def start(*words: object, patient: bool = False) -> Worker:
        command = [sys.executable, "-m", "tests.durability.worker", *map(str, words)]
        environment = {**os.environ, "DATABASE_URL": database_url(), **({"PATIENT": "1"} if patient else {})}
        started.append(subprocess.Popen(command, env=environment))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.kill()
        process.wait(10)


def database_url() -> str:
    """Where the test's database is, as another process is told of it."""
    given = connection.get_connection_params()
    host, port = quote(str(given.get("host") or "localhost"), safe=""), given.get("port") or 5432
    user, name = quote(str(given.get("user") or ""), safe=""), quote(given["dbname"], safe="")
    password = f":{quote(str(given['password']), safe='')}" if given.get("password") else ""
    return f"postgres://{user}{password}@{host}:{port}/{name}"


def until(holds: Callable[[], bool], what: str, limit: float = LIMIT) -> float:
    """Wait until it holds; answers how many seconds that took."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < limit, f"not within {limit:g} s: {what}"
        time.sleep(0.02)
    return time.monotonic() - began


def all_ended() -> bool:
    return not Execution.objects.active().exists()


def chain(name: str, procedure: str, length: int, **config: object) -> str:
    """Publish ``length`` nodes of one procedure in a row; answers the workflow's id."""
    nodes = [
        {
            "id": f"n{place}",
            "type": "procedure",
            "procedureName": procedure,
            "config": config,
            **({"next": f"n{place + 1}"} if place + 1 < length else {}),
        }
        for place in range(length)
    ]
    library.publish({"id": name, "name": name, "version": "1", "startNode": "n0", "nodes": nodes})
    return name


def forked(name: str, procedure: str, width: int, **config: object) -> str:
    """Publish one fork over ``width`` nodes of a procedure, joined by a last one."""
    branches = [f"b{place}" for place in range(width)]
    nodes: list[dict[str, object]] = [
        {
            "id": "fork",
            "type": "parallel",
            "config": {"branches": branches, "waitForAll": True},
            "next": "last",
        },
        {"id": "last", "type": "procedure", "procedureName": procedure, "config": config},
    ]
    nodes += [{"id": b, "type": "procedure", "procedureName": procedure, "config": config} for b in branches]
    library.publish({"id": name, "name": name, "version": "1", "startNode": "fork", "nodes": nodes})
    return name


def start_many(workflow: str, count: int) -> list[str]:
    return [operations.start(workflow).id for _ in range(count)]
