"""Processes are killed at their worst moments; the history must be as if nobody had noticed."""

from __future__ import annotations

import os
import signal
from random import Random

import pytest

from executions.models import Event, Execution, Executor
from tests.durability.conftest import (
    StartWorker,
    all_ended,
    chain,
    forked,
    start_many,
    until,
)
from tests.durability.history import check
from tests.scripted.models import Call, Note

KILLS = int(os.environ.get("C4C_KILLS", "4"))
"""How many workers are killed at random; more find more."""
SEED = int(os.environ.get("C4C_SEED", "1"))


@pytest.mark.parametrize(
    ("point", "nth"), [("claimed", 1), ("written", 1), ("written", 4), ("committed", 1), ("committed", 4)]
)
def test_f01_what_a_worker_killed_at_any_moment_held_is_finished_by_another(
    worker: StartWorker, point: str, nth: int
) -> None:
    ids = [*start_many(chain("line", "scripted.aok", 3), 5), *start_many(forked("fork", "scripted.ok", 3), 5)]
    dying = worker(point, nth)
    assert dying.wait(30) == -signal.SIGKILL
    worker()
    until(all_ended, "every execution ends")
    check(ids)
    assert set(Execution.objects.values_list("status", flat=True)) == {"completed"}


def test_f01_a_worker_killed_in_user_code_loses_the_attempt_and_nothing_else(worker: StartWorker) -> None:
    ids = start_many(chain("deadly", "scripted.kill", 2, times=1), 1)
    first = worker()
    assert first.wait(30) == -signal.SIGKILL
    second = worker()
    assert second.wait(30) == -signal.SIGKILL
    worker()
    until(all_ended, "the execution ends")
    check(ids)
    assert Event.objects.filter(type="node.lost").count() == 2
    assert Call.objects.count() == 4


def test_another_worker_takes_over_a_killed_one(
    worker: StartWorker, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = start_many(chain("held", "scripted.ahang", 1, gate="open", times=1), 20)
    first = worker(patient=True)
    until(lambda: Call.objects.count() == 20, "the first worker runs all")
    worker(patient=True)
    until(lambda: Executor.objects.count() == 2, "the second worker is there")
    first.kill()
    seconds = until(all_ended, "the second worker has finished all")
    with capsys.disabled():
        print(f"\n20 executions of a killed worker were finished by another {seconds:.1f} s after the kill")
    check(ids)


def test_racing_workers_run_every_execution_once(worker: StartWorker) -> None:
    ids = start_many(chain("raced", "scripted.aok", 2), 80)
    for _ in range(3):
        worker()
    until(all_ended, "every execution ends")
    check(ids)
    assert Call.objects.count() == 160
    assert not Event.objects.filter(type="node.lost").exists()


def test_the_rows_of_transactional_procedures_equal_their_nodes_successes(worker: StartWorker) -> None:
    workflow = chain("exact", "scripted.write", 3, text="${{ execution.id }}", times=0)
    ids = start_many(workflow, 30)
    for nth in (2, 4):
        worker("committed", nth).wait(30)
    worker()
    until(all_ended, "every execution ends")
    check(ids)
    # One text per execution: the second node's note clashes with the first's, so exactly one succeeds.
    assert Note.objects.count() == Event.objects.filter(type="node.completed").count() == 30


def test_workers_killed_at_random_while_many_executions_run(worker: StartWorker) -> None:
    random = Random(SEED)
    ids = [
        *start_many(chain("light", "scripted.bare", 4), 120),
        *start_many(forked("wide", "scripted.ok", 3), 20),
    ]
    ids += start_many(chain("exactly", "scripted.write", 1, text="${{ execution.id }}"), 20)
    ids += start_many(chain("loud", "scripted.aok", 2), 40)
    workers = [worker(), worker()]
    for _ in range(KILLS):
        known = Event.objects.count()
        more = random.randint(20, 200)
        until(
            lambda known=known, more=more: Event.objects.count() >= known + more or all_ended(),
            "work goes on",
        )
        workers.pop(random.randrange(len(workers))).kill()
        workers.append(worker())
    until(all_ended, "every execution ends")
    check(ids)
