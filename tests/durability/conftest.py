"""Workers in processes of their own, on the test's database."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import LazySettings

from executions import operations
from executions.executor import Executor
from executions.models import Event, Execution
from tests import database
from workflows import library

LIMIT = 45.0
QUICK = {"LEASE_SECONDS": 1.5, "HEARTBEAT_SECONDS": 0.3, "POLL_SECONDS": 0.3}
"""So that tests need not wait for the product's own lease; one that measures the take-over does."""
Worker = subprocess.Popen[bytes]
StartWorker = Callable[..., Worker]


@pytest.fixture
def worker(transactional_db: None) -> Iterator[StartWorker]:
    """Start a worker on the test's database; what is left of them at the end is killed."""
    with_url = {"DATABASE_URL": database.url()}
    started: list[Worker] = []
    yield lambda *words, patient=False: _started(started, words, with_url, patient)
    end(started)


@pytest.fixture
def executor(transactional_db: None, settings: LazySettings) -> Iterator[Callable[..., Executor]]:
    """Start an executor in a thread of this process; its procedures write to this process's memory."""
    settings.C4C = {**getattr(settings, "C4C", {}), **QUICK}
    running: list[tuple[Executor, threading.Thread]] = []

    def start(**options: Any) -> Executor:
        made = Executor(**options)
        thread = threading.Thread(target=made.run, daemon=True)
        running.append((made, thread))
        thread.start()
        assert made.ready.wait(LIMIT)
        return made

    yield start
    for made, thread in running:
        made.stop(0)
        thread.join(LIMIT)
        assert not thread.is_alive(), "an executor does not end"


def _started(
    started: list[Worker], words: tuple[object, ...], environment: dict[str, str], patient: bool
) -> Worker:
    command = [sys.executable, "-m", "tests.durability.worker", *map(str, words)]
    inherited = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    told = {**inherited, **environment, **({"PATIENT": "1"} if patient else {})}
    started.append(subprocess.Popen(command, env=told))
    return started[-1]


def end(started: list[Worker]) -> None:
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.kill()
        process.wait(10)


def until(holds: Callable[[], bool], what: str, limit: float = LIMIT) -> float:
    """Wait until it holds; answers how many seconds that took."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < limit, f"not within {limit:g} s: {what}"
        time.sleep(0.02)
    return time.monotonic() - began


def until_more_happens(events: int) -> None:
    """Wait for so many further events, or the end of all."""
    seen = Event.objects.count()
    until(lambda: Event.objects.count() >= seen + events or all_ended(), "work goes on")


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


def published(name: str, nodes: list[dict[str, Any]], **fields: Any) -> str:
    """Publish these nodes, the first one first; answers the workflow's id."""
    first = {"id": name, "name": name, "version": "1", "startNode": nodes[0]["id"]}
    library.publish({**first, "nodes": nodes, **fields})
    return name


def start_many(workflow: str, count: int) -> list[str]:
    return [operations.start(workflow).id for _ in range(count)]
