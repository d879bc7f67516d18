"""The database goes away and comes back: work stands still meanwhile, and nothing is lost or done twice."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from random import Random

import pytest
from django.core.management import call_command
from django.db import connection, connections, transaction
from pytest_django import DjangoDbBlocker

from c4c_site.postgres.server import Server
from executions.executor import Executor
from executions.models import Event, Execution
from tests.durability.conftest import (
    StartWorker,
    Worker,
    _started,
    all_ended,
    chain,
    end,
    forked,
    start_many,
    until,
    until_more_happens,
)
from tests.durability.history import check
from tests.scripted.models import Note
from tests.site.servers import folder

ROUNDS = int(os.environ.get("C4C_OUTAGES", "3"))
OURS = "application_name LIKE 'c4c%%' AND datname = current_database()"
StartExecutor = Callable[..., Executor]


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


def test_an_execution_whose_row_somebody_has_locked_waits_alone(executor: StartExecutor) -> None:
    executor()
    held, *others = start_many(chain("locked", "scripted.sleep", 2, seconds=0.3), 20)
    until(lambda: Event.objects.filter(type="node.started").count() == 20, "all run")
    with transaction.atomic():
        Execution.objects.select_for_update().get(pk=held)
        done = Execution.objects.filter(pk__in=others, status="completed")
        assert until(lambda: done.count() == len(others), "the others end") < 5
        assert Execution.objects.get(pk=held).status == "running"
    until(all_ended, "it ends")
    check([held, *others])


@pytest.fixture
def server(django_db_blocker: DjangoDbBlocker) -> Iterator[Server]:
    """A server of our own that may be broken, as the default database."""
    given, ours = connections.settings["default"], connections["default"]
    before, embedded = dict(given), getattr(ours, "server", None)
    with folder() as home, django_db_blocker.unblock():
        made = Server(home)
        _use(given, made)
        call_command("migrate", run_syncdb=True, verbosity=0)
        yield made
        connection.close()
        given.update(before)
        ours.settings_dict.update(before)
        if embedded is not None:
            ours.server = embedded
        made.stop(force=True)


def _use(given: dict[str, object], server: Server) -> None:
    connection.close()
    place = {"HOST": server.ensure(), "PORT": "5432", "NAME": "c4c", "USER": "postgres", "PASSWORD": ""}
    given.update(place, DATA_DIR=server.home)
    ours = connections["default"]
    ours.settings_dict.update(place)
    if hasattr(ours, "server"):
        ours.server = server  # tests run on an embedded server, which is another


def test_a_server_that_is_stopped_at_once_loses_nothing_that_was_acknowledged(server: Server) -> None:
    workers: list[Worker] = []
    given = connections.settings["default"]
    try:
        ids = start_many(chain("outage", "scripted.bare", 6), 100)
        ids += start_many(chain("asleep", "scripted.sleep", 1, seconds=4), 10)
        ids += start_many(chain("exact", "scripted.write", 2, text="${{ execution.id }}"), 10)
        for _ in range(2):
            _started(workers, (), {"C4C_DATA_DIR": str(server.home)}, patient=False)
        for _ in range(2):
            until_more_happens(60)
            running = server.status().running
            assert running is not None
            os.kill(running.pid, signal.SIGQUIT)
            until(lambda pid=running.pid: _is_gone(server, pid), "the server is gone")
            _use(given, server)
        until(all_ended, "every execution ends")
        check(ids)
        assert Note.objects.count() == 10
    finally:
        end(workers)


def _is_gone(server: Server, pid: int) -> bool:
    running = server.status().running
    return running is None or running.pid != pid
