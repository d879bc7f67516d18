"""Only the database's clock counts."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from executions import intake, operations
from executions.executor.clock import Clock
from executions.models import Execution, Executor
from tests.chaos.stories import call
from tests.durability.conftest import StartWorker, all_ended, published, until
from tests.durability.history import check
from tests.executions.build import delay

HERE = 1000.0
THERE = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Of a machine that is years behind the database."""
    monkeypatch.setattr(time, "monotonic", lambda: HERE)
    clock = Clock()
    clock.set(THERE, HERE - 0.001, HERE + 0.001)
    return clock


def test_it_tells_the_databases_time_whatever_this_machine_believes(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert clock.now() == THERE


def test_a_slow_reading_does_not_move_it(clock: Clock) -> None:
    clock.set(THERE + timedelta(seconds=2), HERE + 1, HERE + 2)
    assert clock.now() == THERE


def test_it_follows_a_database_that_is_put_right(clock: Clock) -> None:
    clock.set(THERE - timedelta(minutes=5), HERE + 1 - 0.001, HERE + 1 + 0.001)
    assert clock.now() == THERE - timedelta(minutes=5, seconds=1)


def test_f22_clocks_that_are_five_minutes_wrong_move_no_sleep_and_no_deadline(
    worker: StartWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of two workers, in both directions, and of whoever starts something."""
    worker("skewed", 300)
    worker("skewed", -300)
    until(lambda: Executor.objects.count() == 2, "both are there")
    published("nap", [delay("sleep", 2, "then"), call("aok", "then")])
    published("late", [call("ahang", "hang")])
    ids: dict[str, list[str]] = {"nap": [], "late": []}
    for wrong in (300, 0, -300):
        believed = datetime.now(UTC) + timedelta(seconds=wrong)
        monkeypatch.setattr(intake, "utcnow", lambda believed=believed: believed)
        for name, timeout in (("nap", 60), ("late", 2)):
            ids[name] += [operations.start(name, timeout=timeout).id for _ in range(4)]
    until(all_ended, "every execution ends")
    for name, status in (("nap", "completed"), ("late", "timed_out")):
        for execution in Execution.objects.filter(pk__in=ids[name]):
            assert execution.status == status
            assert execution.ended_at is not None
            assert timedelta(seconds=1.9) < execution.ended_at - execution.queued_at < timedelta(seconds=60)
            assert abs(datetime.now(UTC) - execution.ended_at) < timedelta(seconds=60)
    check([*ids["nap"], *ids["late"]])
