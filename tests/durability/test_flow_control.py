"""Limits hold, and nothing is stuck, whichever processes are killed."""

from __future__ import annotations

import signal
from typing import Any

from executions import operations
from executions.models import Execution, Slot
from executions.states import ACTIVE
from tests.durability.conftest import StartWorker, all_ended, chain, until
from tests.durability.history import check
from workflows import library


def limited(name: str, procedure: str, length: int, limits: dict[str, Any], **config: object) -> str:
    """A chain under limits."""
    document = {**library.current(chain(name, procedure, length, **config)).definition, "limits": limits}
    library.publish(document)
    return name


def most_at_once(rows: list[Execution]) -> int:
    """By what the rows say of when each was let through and when it ended."""
    moments = [(row.admitted_at, 1) for row in rows] + [(row.ended_at, -1) for row in rows]
    changes = [change for _, change in sorted(moments)]
    return max(sum(changes[: place + 1]) for place in range(len(changes)))


def held() -> int:
    """Slots that take a place."""
    return Slot.objects.filter(until=None, execution__status__in=ACTIVE).count()


def test_f5_a_crash_between_two_steps_releases_a_key_neither_early_nor_never(worker: StartWorker) -> None:
    workflow = limited("one-key", "scripted.aok", 2, {"concurrency": {"limit": 1, "key": "input.tenant"}})
    ids = [operations.start(workflow, input={"tenant": tenant}).id for tenant in "aaabbb"]
    for nth in (3, 2, 4):
        dying = worker("committed", nth)
        assert dying.wait(30) == -signal.SIGKILL
        assert held() <= 2, "one of each key"
    worker()
    until(all_ended, "every execution ends")
    check(ids)
    assert held() == 0
    for tenant in "ab":
        assert most_at_once(list(Execution.objects.filter(input__tenant=tenant))) == 1


def test_f17_killed_workers_leave_no_execution_stuck_and_no_slot_taken(worker: StartWorker) -> None:
    limited("shared", "scripted.aok", 3, {"concurrency": [{"limit": 3}, {"limit": 2, "key": "input.tenant"}]})
    ids = [operations.start("shared", input={"tenant": tenant}).id for tenant in "abcd" * 8]
    for point, nth in (("claimed", 1), ("written", 3), ("committed", 5)):
        assert worker(point, nth).wait(30) == -signal.SIGKILL
    worker(), worker()
    until(all_ended, "every execution ends")
    check(ids)
    assert held() == 0
    assert most_at_once(list(Execution.objects.all())) <= 3


def test_a_rate_holds_over_processes(worker: StartWorker) -> None:
    limited("paced", "scripted.aok", 1, {"rate": {"limit": 2, "seconds": 0.8}})
    ids = [operations.start("paced").id for _ in range(8)]
    worker(), worker(), worker()
    until(all_ended, "every execution ends")
    check(ids)
    moments = sorted(Execution.objects.values_list("admitted_at", flat=True))
    assert all((c - a).total_seconds() >= 0.8 for a, c in zip(moments, moments[2:], strict=False))


def test_f20_a_crowd_on_one_key_does_not_starve_the_others(worker: StartWorker) -> None:
    limited("busy", "scripted.aok", 1, {"concurrency": {"limit": 2, "key": "input.tenant"}})
    crowd = [operations.start("busy", input={"tenant": "big"}).id for _ in range(500)]
    worker(), worker()
    until(lambda: Execution.objects.filter(pk__in=crowd, status="completed").count() > 10, "it is at work")
    few = [operations.start("busy", input={"tenant": "small"}).id for _ in range(6)]
    until(lambda: not Execution.objects.active().filter(pk__in=few).exists(), "the small one is through")
    assert Execution.objects.active().filter(pk__in=crowd).count() > 200
