"""An executor that begins while its database is away."""

from __future__ import annotations

import threading

import pytest
from psycopg import OperationalError

from executions.executor import Executor
from executions.executor.heartbeat import Heartbeat

pytestmark = pytest.mark.django_db(transaction=True)


class Away:
    """Until ``back`` is set, nobody can register."""

    def __init__(self) -> None:
        self.tried, self.back = threading.Event(), threading.Event()


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Away:
    database, begin = Away(), Heartbeat.start

    def start(heartbeat: Heartbeat) -> None:
        database.tried.set()
        if not database.back.is_set():
            raise OperationalError("connection refused")
        begin(heartbeat)

    monkeypatch.setattr(Heartbeat, "start", start)
    return database


def test_a_patient_one_waits_for_it(away: Away) -> None:
    executor = Executor(patient=True)
    thread = threading.Thread(target=executor.run)
    thread.start()
    assert away.tried.wait(10)
    assert not executor.ready.is_set()
    away.back.set()
    assert executor.ready.wait(10) and executor.failure is None
    executor.stop()
    thread.join(10)
    assert not thread.is_alive()


def test_any_other_says_so_and_ends(away: Away) -> None:
    executor = Executor()
    with pytest.raises(OperationalError):
        executor.run()
    assert executor.failure is not None
