"""An executor that is told to stop, or cannot start: nobody waits for ever, and nothing is lost."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable

import psycopg
import pytest
from asgiref.sync import async_to_sync
from django.db import connection

from executions import operations
from executions.executor import Executor as RunningExecutor
from executions.executor import service
from executions.models import Event, Execution, Executor
from tests import database
from tests.durability.conftest import (
    LIMIT,
    StartWorker,
    all_ended,
    chain,
    start_many,
    until,
)
from tests.durability.history import check
from tests.scripted.models import Call, Gate, Note

StartExecutor = Callable[..., RunningExecutor]


@pytest.mark.parametrize("procedure", ["scripted.ahang", "scripted.hang", "scripted.write"])
def test_an_orderly_stop_hands_everything_over(worker: StartWorker, procedure: str) -> None:
    config = {"text": "${{ execution.id }}"} if procedure == "scripted.write" else {}
    ids = start_many(chain("handed", procedure, 1, gate="open", **config), 8)
    first = worker()
    until(lambda: Event.objects.filter(type="node.started").count() == 8, "the first worker runs all")
    first.terminate()
    assert first.wait(15) == 0
    assert not Executor.objects.exists()
    assert not Execution.objects.filter(leased_by__isnull=False).exists()
    Gate.objects.create(name="open")
    worker()
    until(all_ended, "every execution ends")
    check(ids)
    assert Execution.objects.filter(status="completed").count() == 8
    assert Note.objects.count() == (8 if procedure == "scripted.write" else 0)


def test_f16_user_code_that_never_ends_does_not_keep_a_worker(transactional_db: None) -> None:
    ids = start_many(chain("hung", "scripted.hang", 1, stubborn=True), 2)
    ids += start_many(chain("ahung", "scripted.ahang", 1, stubborn=True), 2)
    settings = {"DJANGO_SETTINGS_MODULE": "tests.settings", "DATABASE_URL": database.url()}
    words = [sys.executable, "manage.py", "c4c", "worker", "--drain", "0.2"]
    process = subprocess.Popen(words, env={**os.environ, **settings})
    try:
        until(lambda: Call.objects.count() == len(ids), "all hang")
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
    finally:
        process.kill()
        process.wait(10)
    assert not Execution.objects.filter(leased_by__isnull=False).exists()
    assert Event.objects.filter(type="node.lost").count() == len(ids)


def test_what_is_acknowledged_while_executors_come_and_go_ends(executor: StartExecutor) -> None:
    """An execution is begun by the executor that happens to be there, or stored for the next."""
    workflow = chain("welcome", "scripted.bare", 2)
    operations.start(workflow)
    ids: list[str] = []

    async def start_some() -> None:
        for _ in range(40):
            ids.append((await operations.astart(workflow)).id)

    async def start_all() -> None:
        await asyncio.gather(*(start_some() for _ in range(3)))

    def start_closing() -> None:
        async_to_sync(start_all)()
        connection.close()

    starter = threading.Thread(target=start_closing)
    starter.start()
    while starter.is_alive():
        each = executor()
        until(lambda: len(ids) % 7 == 3 or not starter.is_alive(), "some are started")
        each.stop(0)
    starter.join(LIMIT)
    assert len(ids) == len(set(ids)) == 120
    executor()
    until(all_ended, "every execution ends")
    check(ids)
    assert not Event.objects.filter(type="node.lost", data__reason="its executor went away").exists()


def test_an_admission_that_the_executor_never_answers_is_a_plain_start(
    executor: StartExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends with the question on its desk; the execution is stored once all the same."""
    workflow = chain("asked", "scripted.bare", 1)
    operations.start(workflow)
    one = executor()
    monkeypatch.setattr(RunningExecutor, "_admit", lambda self, start, answered: self.stop(0))
    monkeypatch.setattr(service, "_running", [one])
    started = async_to_sync(operations.astart)(workflow)
    assert Execution.objects.get(pk=started.id).status == "queued"


def test_an_admission_whose_answer_got_lost_answers_its_own_execution(
    executor: StartExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    workflow = chain("twice", "scripted.bare", 1)
    operations.start(workflow)
    executor()
    admit = RunningExecutor._admit
    monkeypatch.setattr(
        RunningExecutor,
        "_admit",
        lambda self, start, answered: admit(self, start, lambda driver: answered(None)),
    )
    started = async_to_sync(operations.astart)(workflow, execution_id="mine")
    until(lambda: Execution.objects.get(pk="mine").ended_at is not None, "it ends")
    assert started.id == "mine"
    assert Execution.objects.count() == 2


def test_an_executor_that_cannot_start_says_why_to_who_waits(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(name: str) -> None:
        raise psycopg.OperationalError("no server")

    monkeypatch.setattr("executions.database.connect", refuse)
    made = RunningExecutor()
    with pytest.raises(psycopg.OperationalError):
        made.run()
    assert made.ready.is_set()
    assert isinstance(made.failure, psycopg.OperationalError)
    assert not made.is_accepting


def test_an_executor_stopped_before_it_runs_ends_at_once(transactional_db: None) -> None:
    made = RunningExecutor()
    made.stop()
    made.run()
    assert made.ready.is_set()
    assert not Executor.objects.exists()
