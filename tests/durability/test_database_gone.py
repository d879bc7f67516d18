"""The database goes away and comes back: work stands still meanwhile, and nothing is lost or done twice."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest
from django.db import connection, transaction
from pytest_django import DjangoDbBlocker

from c4c_site.postgres.server import Server
from executions import intake
from executions.executor import Executor as RunningExecutor
from executions.models import Event, Execution, Executor
from tests.chaos.stories import call, child
from tests.durability.conftest import (
    StartWorker,
    Worker,
    _started,
    all_ended,
    chain,
    end,
    forked,
    published,
    start_many,
    until,
    until_more_happens,
)
from tests.durability.history import check
from tests.durability.servers import environment, is_gone, own_server, stop_at_once, use
from tests.executions.engine import open_gate_elsewhere
from tests.scripted.models import Call, Gate, Note

ROUNDS = int(os.environ.get("C4C_OUTAGES", "3"))
OURS = "application_name LIKE 'c4c%%' AND datname = current_database()"
StartExecutor = Callable[..., RunningExecutor]


def test_connections_dropped_in_flight_lose_nothing(worker: StartWorker) -> None:
    random = Random(7)
    ids = [
        *start_many(chain("dropped", "scripted.bare", 5), 150),
        *start_many(forked("fork", "scripted.bare", 4), 30),
    ]
    worker()
    for _ in range(ROUNDS):
        seen, more = Event.objects.count(), random.randint(30, 300)
        until(
            lambda seen=seen, more=more: Event.objects.count() >= seen + more or all_ended(), "work goes on"
        )
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {OURS}")
    until(all_ended, "every execution ends")
    check(ids)
    assert set(Execution.objects.values_list("status", flat=True)) == {"completed"}


def test_f10_an_execution_whose_row_somebody_has_locked_waits_alone(executor: StartExecutor) -> None:
    executor()
    held, *others = start_many(chain("locked", "scripted.ahang", 2, gate="open"), 20)
    until(lambda: Call.objects.count() == 20, "all run")
    with transaction.atomic():
        Execution.objects.select_for_update().get(pk=held)
        open_gate_elsewhere("open")
        done = Execution.objects.filter(pk__in=others, status="completed")
        until(lambda: done.count() == len(others), "the others end")
        assert Execution.objects.get(pk=held).status == "running"
    until(all_ended, "it ends")
    check([held, *others])


@pytest.fixture
def server(django_db_blocker: DjangoDbBlocker) -> Iterator[Server]:
    with django_db_blocker.unblock(), own_server() as made:
        yield made


def test_f17_a_server_that_is_stopped_at_once_loses_nothing_that_was_acknowledged_and_no_place(
    server: Server,
) -> None:
    workers: list[Worker] = []
    try:
        ids = start_many(chain("outage", "scripted.bare", 6), 100)
        ids += start_many(chain("asleep", "scripted.sleep", 1, seconds=4), 10)
        ids += start_many(chain("exact", "scripted.write", 2, text="${{ execution.id }}"), 10)
        limits = {"concurrency": {"limit": 2}}
        ids += start_many(published("gated", [call("bare", "a")], limits=limits), 10)
        for _ in range(2):
            _started(workers, (), environment(server), patient=False)
        for _ in range(2):
            until_more_happens(60)
            stop_at_once(server)
            use(server)
        until(all_ended, "every execution ends")
        check(ids)
        assert Note.objects.count() == 10
    finally:
        end(workers)


def test_f02_a_server_that_is_stopped_during_the_sweep_leaves_nothing_ownerless(
    server: Server,
) -> None:
    workers: list[Worker] = []
    try:
        ids = start_many(chain("swept", "scripted.ahang", 2, gate="open"), 20)
        _started(workers, (), environment(server), patient=False)
        until(lambda: Call.objects.count() == 20, "the first worker runs all")
        workers[0].kill()
        running = server.status().running
        assert running is not None
        _started(workers, ("sweeping", running.pid), environment(server), patient=False)
        connection.close()
        until(lambda: is_gone(server, running.pid), "the sweep has met with the end of the server")
        use(server)
        Gate.objects.create(name="open")
        _started(workers, (), environment(server), patient=False)
        until(all_ended, "every execution ends")
        check(ids)
        assert Call.objects.count() == 60
    finally:
        end(workers)


def test_f09_connections_dropped_again_and_again_take_no_work_from_anybody(
    worker: StartWorker,
) -> None:
    ids = start_many(chain("listens", "scripted.ahang", 1, gate="open"), 20)
    worker()
    worker()
    until(lambda: Call.objects.count() == 20, "all run")
    beats = Executor.objects.order_by("heartbeat_at").values_list("heartbeat_at", flat=True)
    for _ in range(8):
        before = beats[0]
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {OURS}")
        until(lambda before=before: beats.count() == 2 and beats[0] > before, "both are heard of again")
    Gate.objects.create(name="open")
    until(all_ended, "every execution ends")
    check(ids)
    assert Call.objects.count() == 20, "no attempt was taken from a worker that lived"


def test_a_database_that_is_gone_as_a_child_is_to_be_started_fails_no_node(
    executor: StartExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is said to Django's connection: the other ones wait for it anyway."""
    published("child", [call("bare", "a")])
    workflow = published("parent", [child("below", "child")])
    prepare, gone = intake.prepare, [True, True]

    def lost(*given: Any, **options: Any) -> Any:
        if options.get("trigger") == "subworkflow" and gone:
            gone.pop()
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return prepare(*given, **options)

    monkeypatch.setattr(intake, "prepare", lost)
    executor()
    ids = start_many(workflow, 1)
    until(all_ended, "it ends")
    check(ids)
    assert not gone
    assert set(Execution.objects.values_list("status", flat=True)) == {"completed"}
