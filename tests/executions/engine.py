"""A real executor in a thread of this process, and what a test asks of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from executions import database, operations
from executions.executor import Executor
from executions.models import Command, Event, Execution, NodeRun
from tests.executions.build import document
from tests.scripted.models import Call, Gate

LIMIT = 20.0
"""Seconds after which what a test waits for has not come."""
QUICK = {"CANCEL_GRACE_SECONDS": 0.5, "POLL_SECONDS": 0.3, "HEARTBEAT_SECONDS": 0.5}

_numbers = count(1)


@contextmanager
def executing(**options: Any) -> Iterator[Executor]:
    """An executor at work; it has ended, and well, when the block is through."""
    executor = Executor(**options)
    failures: list[BaseException] = []

    def run() -> None:
        try:
            executor.run()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run, name="executor")
    thread.start()
    assert executor.ready.wait(LIMIT)
    try:
        yield executor
    finally:
        executor.stop(drain=0)
        thread.join(LIMIT)
    assert not thread.is_alive()
    assert not failures


def start(*nodes: dict[str, Any], fields: dict[str, Any] | None = None, **options: Any) -> str:
    """A new execution's id. ``fields`` are the definition's own, ``options`` the execution's."""
    unique = {"id": f"small-{next(_numbers)}", **(fields or {})}
    return operations.start(definition=document(*nodes, **unique), **options).id


def run(*nodes: dict[str, Any], **options: Any) -> Ended:
    return ended(start(*nodes, **options))


def ended(execution_id: str) -> Ended:
    """Once it has."""
    until(lambda: Execution.objects.get(pk=execution_id).ended_at is not None)
    return Ended(execution_id)


def until(condition: Callable[[], Any]) -> Any:
    """What the condition answers, as soon as that is something."""
    deadline = time.monotonic() + LIMIT
    while not (found := condition()):
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.005)
    return found


def is_called(execution_id: str, node_id: str, attempt: int = 1) -> None:
    """Wait until user code has been entered."""
    until(lambda: Call.objects.filter(execution=execution_id, node=node_id, attempt=attempt).exists())


def has_status(execution_id: str, status: str) -> None:
    """Wait until the execution has it."""
    until(lambda: Execution.objects.get(pk=execution_id).status == status)


def open_gate(name: str) -> None:
    Gate.objects.get_or_create(name=name)


def open_gate_elsewhere(name: str) -> None:
    """On a connection of its own, so that it is open while this one is in a transaction."""
    with database.connect("test") as connection:
        connection.execute(f"INSERT INTO {Gate._meta.db_table} (name) VALUES (%s)", [name])


def is_blocked() -> bool:
    """Whether the journal waits for a row that somebody holds."""
    with database.connect("test") as connection:
        sql = """SELECT count(*) FROM pg_stat_activity WHERE application_name = 'c4c-journal'
          AND datname = current_database() AND wait_event_type = 'Lock'"""
        return bool(connection.execute(sql).fetchone()[0])  # type: ignore[index]


def nothing_of(execution_id: str) -> bool:
    return not any(
        model.objects.filter(execution=execution_id).exists() for model in (Command, Event, NodeRun)
    )


class Ended:
    """An execution as it stands; named for what tests mostly ask of."""

    def __init__(self, execution_id: str) -> None:
        self.row = Execution.objects.get(pk=execution_id)
        self.id, self.status, self.error = self.row.id, self.row.status, self.row.error
        self.runs = list(NodeRun.objects.filter(execution=execution_id).order_by("index"))
        self.events = list(Event.objects.filter(execution=execution_id).order_by("seq"))

    @property
    def types(self) -> list[str]:
        return [event.type for event in self.events]

    @property
    def outputs(self) -> dict[str, Any]:
        return {run.node_id: run.output for run in self.runs if run.status == "completed"}

    @property
    def statuses(self) -> dict[str, str]:
        return {run.node_id: run.status for run in self.runs}

    @property
    def commands(self) -> list[tuple[str, str]]:
        found = Command.objects.filter(execution=self.id).order_by("id")
        return [(command.kind, command.outcome) for command in found]

    def of(self, node_id: str) -> NodeRun:
        """Its last run."""
        return next(run for run in reversed(self.runs) if run.node_id == node_id)

    def told(self, type: str, node_id: str | None = None) -> list[dict[str, Any]]:
        found = [event.data for event in self.events if event.type == type]
        return [data for data in found if node_id is None or data["nodeId"] == node_id]

    def calls(self, node_id: str) -> int:
        """How often user code was entered."""
        return Call.objects.filter(execution=self.id, node=node_id).count()
