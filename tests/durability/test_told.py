"""Words from outside, and time, while who holds the execution dies."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from random import Random

from executions import operations
from executions.errors import NotAllowed
from executions.models import Command, Event, Execution, Executor
from tests.durability.conftest import StartWorker, all_ended, chain, start_many, until
from tests.durability.history import check
from tests.scripted.models import Call, Gate
from workflows import library


def test_a_cancel_whose_hearer_dies_is_obeyed_by_the_next(worker: StartWorker) -> None:
    ids = start_many(chain("doomed", "scripted.ahang", 1), 10)
    first = worker()
    until(lambda: Call.objects.count() == 10, "the first worker runs all")
    for execution_id in ids:
        operations.cancel(execution_id, reason="enough", actor="eve")
    first.kill()
    worker()
    until(all_ended, "every execution ends")
    check(ids)
    assert set(Execution.objects.values_list("status", flat=True)) == {"cancelled"}
    assert not Command.objects.filter(handled_at=None).exists()


def test_what_is_resumed_goes_on_once(worker: StartWorker) -> None:
    (execution_id,) = start_many(chain("held", "scripted.ahang", 3, gate="open"), 1)
    worker()
    until(lambda: Call.objects.count() == 1, "the first node runs")
    operations.pause(execution_id)
    until(lambda: Command.objects.exclude(handled_at=None).count() == 1, "the word is heard")
    Gate.objects.create(name="open")
    until(lambda: Execution.objects.get(pk=execution_id).status == "paused", "it is paused")
    operations.resume(execution_id)
    until(all_ended, "it ends")
    check([execution_id])
    assert Call.objects.count() == 3
    assert not Event.objects.filter(type="node.lost").exists()


def test_words_that_come_just_as_the_lease_is_given_back_are_heard(worker: StartWorker) -> None:
    random = Random(3)
    ids = start_many(chain("teased", "scripted.sleep", 20, seconds=0.01), 8)
    worker()
    for _ in range(25):
        for execution_id in ids:
            _say(random.choice([operations.pause, operations.resume]), execution_id)
    until(lambda: not Command.objects.filter(handled_at=None).exists(), "every word is heard")
    for execution_id in ids:
        _say(operations.resume, execution_id)
    until(all_ended, "every execution ends")
    check(ids)
    assert set(Execution.objects.values_list("status", flat=True)) == {"completed"}
    assert not Event.objects.filter(type="node.lost").exists()


def _say(verb: Callable[[str], Execution], execution_id: str) -> None:
    with suppress(NotAllowed):
        verb(execution_id)


def test_f14_a_delay_and_a_deadline_outlive_who_parked_them(worker: StartWorker) -> None:
    delay = {"id": "wait", "type": "delay", "config": {"seconds": 4}, "next": "then"}
    then = {"id": "then", "type": "procedure", "procedureName": "scripted.bare"}
    library.publish({"id": "nap", "name": "nap", "version": "1", "startNode": "wait", "nodes": [delay, then]})
    first = worker()
    until(Executor.objects.exists, "the worker is there")
    began = time.monotonic()
    asleep = [operations.start("nap").id for _ in range(3)]
    late = [operations.start("nap", timeout=2.5).id for _ in range(3)]
    until(lambda: Event.objects.filter(type="workflow.waiting").count() == 6, "all are parked")
    first.kill()
    worker()
    until(all_ended, "every execution ends")
    assert time.monotonic() - began >= 4
    check([*asleep, *late])
    assert set(Execution.objects.filter(pk__in=asleep).values_list("status", flat=True)) == {"completed"}
    assert set(Execution.objects.filter(pk__in=late).values_list("status", flat=True)) == {"timed_out"}
