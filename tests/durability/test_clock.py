"""Only the database's clock counts."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from executions.executor.clock import Clock

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
