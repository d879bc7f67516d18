"""Who holds an execution: never two, whoever dies, comes back, or has the same name."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from itertools import chain as chained

from executions import database, operations
from executions.executor import Executor as RunningExecutor
from executions.executor.claiming import claims
from executions.models import Event, Execution, Executor, NodeRun
from tests.durability.conftest import StartWorker, all_ended, chain, published, start_many, until
from tests.durability.history import check
from tests.executions.build import scripted
from tests.scripted.models import Call, Gate, Note

StartExecutor = Callable[..., RunningExecutor]


def test_f03_of_many_who_sweep_at_once_one_takes_each_execution(worker: StartWorker) -> None:
    ids = start_many(chain("swept", "scripted.ahang", 1, gate="open"), 20)
    first = worker()
    until(lambda: Call.objects.count() == 20, "the first worker runs all")
    first.kill()
    Executor.objects.all().delete()
    freed = chained.from_iterable(asyncio.run(_sweep_at_once(4)))
    assert sorted(freed) == sorted(ids)
    for _ in range(3):
        worker()
    until(lambda: Call.objects.count() == 40, "others run all")
    Gate.objects.create(name="open")
    until(all_ended, "every execution ends")
    check(ids)
    assert Event.objects.filter(type="node.lost").count() == 20


async def _sweep_at_once(number: int) -> list[list[str]]:
    """Each with a snapshot from before all of them."""
    connections = [await database.aconnect("sweep") for _ in range(number)]
    try:
        return await asyncio.gather(*(claims.reap(each) for each in connections))
    finally:
        for each in connections:
            await each.close()


def test_f04_a_new_worker_of_the_same_host_and_process_id_is_another_one(executor: StartExecutor) -> None:
    """As in containers, where every worker is process 1 of the same name."""
    old = executor()
    ids = start_many(chain("rolled", "scripted.ahang", 1, gate="open"), 10)
    until(lambda: Call.objects.count() == 10, "the old one runs all")
    executor()
    assert Executor.objects.values("hostname", "pid").distinct().count() == 1
    assert Executor.objects.count() == 2
    ids += start_many("rolled", 10)
    until(lambda: Call.objects.count() == 20, "both run")
    kept = Call.objects.exclude(execution__in=Execution.objects.filter(leased_by=old.id).values("pk"))
    kept_ids = set(kept.values_list("execution", flat=True))
    old.stop(0)
    until(lambda: Call.objects.count() == 40 - len(kept_ids), "the new one runs those of the old one too")
    Gate.objects.create(name="open")
    until(all_ended, "every execution ends")
    check(ids)
    lost = set(Event.objects.filter(type="node.lost").values_list("execution_id", flat=True))
    assert lost == set(ids) - kept_ids, "what the new one had it kept"


def test_f06_a_slow_worker_that_finishes_after_its_lease_was_taken_changes_nothing(
    worker: StartWorker,
) -> None:
    """Plainly, in a transaction of its own, and for a parent that waits."""
    published("slow", [scripted("ahang", "a", config={"gate": "open", "output": {"done": True}})])
    below = {"id": "below", "type": "subworkflow", "config": {"workflowId": "slow"}}
    write = {"gate": "open", "text": "${{ execution.id }}"}
    ids = start_many(chain("stale", "scripted.ahang", 2, gate="open"), 5)
    ids += start_many(published("parent", [below]), 5)
    ids += start_many(published("exact", [scripted("write", "a", config=write)]), 5)
    stale = worker()
    held = NodeRun.objects.filter(status="running").exclude(kind="subworkflow")
    until(lambda: held.count() == 15, "the first worker runs all")
    until(lambda: Call.objects.count() == 10, "user code runs")
    stale.send_signal(signal.SIGSTOP)
    worker()
    until(lambda: Event.objects.filter(type="node.lost").count() == 15, "the second worker takes over")
    Gate.objects.create(name="open")
    stale.send_signal(signal.SIGCONT)
    until(all_ended, "every execution ends")
    until(lambda: Executor.objects.count() == 2, "the stale worker registers anew")
    check(ids)
    assert set(Execution.objects.values_list("status", flat=True)) == {"completed"}
    assert Note.objects.count() == 5


def test_f18_recovery_never_overwrites_an_end(worker: StartWorker) -> None:
    ids = start_many(chain("ended", "scripted.ahang", 1, gate="open"), 10)
    stale = worker()
    until(lambda: Call.objects.count() == 10, "the first worker runs all")
    stale.send_signal(signal.SIGSTOP)
    for execution_id in ids:
        operations.cancel(execution_id)
    worker()
    until(all_ended, "the second worker has cancelled all")
    rows = list(Execution.objects.order_by("pk").values())
    Gate.objects.create(name="open")
    stale.send_signal(signal.SIGCONT)
    until(lambda: Executor.objects.count() == 2, "the stale worker registers anew")
    third = start_many("ended", 1)
    until(all_ended, "work goes on")
    assert list(Execution.objects.filter(pk__in=ids).order_by("pk").values()) == rows
    assert {row["status"] for row in rows} == {"cancelled"}
    check([*ids, *third])
