"""Hints within a process and between processes."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
from collections.abc import Iterator
from time import monotonic
from typing import Any

import psycopg
import pytest
from django.db import connection

from executions import notifications
from executions.notifications import Ids

pytestmark = pytest.mark.usefixtures("database")
SECONDS = 10


class Heard:
    """What a callback was told, to be waited for."""

    def __init__(self) -> None:
        self._told: queue.Queue[Ids] = queue.Queue()

    def __call__(self, ids: Ids) -> None:
        self._told.put(ids)

    def next(self) -> Any:
        return self._told.get(timeout=SECONDS)

    def until(self, wanted: frozenset[str]) -> list[Any]:
        """All that was told until each of ``wanted`` was named."""
        found: list[Any] = []
        while not wanted <= {id_ for ids in found if ids for id_ in ids}:
            found.append(self.next())
        return found

    def nothing(self) -> bool:
        return self._told.empty()


@pytest.fixture
def changes(database: None) -> Iterator[Heard]:
    """Connected already: "look at everything" has come."""
    notifications.close()
    heard = Heard()
    unsubscribe = notifications.on_changed(heard)
    assert heard.next() is None
    yield heard
    unsubscribe()
    notifications.close()


def elsewhere(code: str) -> None:
    """Run in another process, to its end."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.streams.settings",
        "STREAMS_DATABASE": connection.settings_dict["NAME"],
        "STREAMS_C4C": "{}",
    }
    prelude = "import django; django.setup()\nfrom executions import notifications\n"
    subprocess.run([sys.executable, "-c", prelude + code], env=environment, check=True, timeout=30)


def listening_backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'c4c notifications'"
        )
        return int(cursor.fetchone()[0])


def test_the_own_process_is_told_before_changed_returns(changes: Heard) -> None:
    notifications.changed(["a", "b"])
    assert not changes.nothing()
    assert changes.next() == {"a", "b"}


def test_nobody_is_told_of_nothing(changes: Heard) -> None:
    notifications.changed([])
    assert changes.nothing()


def test_another_process_is_heard_even_if_it_ends_at_once(changes: Heard) -> None:
    elsewhere("notifications.changed(['x']); notifications.changed(['y', 'z'])")
    changes.until(frozenset({"x", "y", "z"}))


def test_own_notifications_do_not_come_back(changes: Heard) -> None:
    notifications.changed(["own"])
    elsewhere("notifications.changed(['other'])")
    assert changes.until(frozenset({"own", "other"})) == [{"own"}, {"other"}]


def test_more_than_a_payload_holds_becomes_look_at_everything(changes: Heard) -> None:
    elsewhere("notifications.changed([f'wf_exec_{n:060}' for n in range(500)])")
    assert changes.next() is None


def test_wake_and_changed_are_apart(changes: Heard) -> None:
    woken = Heard()
    unsubscribe = notifications.on_wake(woken)
    elsewhere("notifications.wake(['due']); notifications.changed(['grown'])")
    assert changes.until(frozenset({"grown"})) == [{"grown"}]
    assert {"due"} in woken.until(frozenset({"due"}))
    unsubscribe()


def test_a_burst_makes_few_notifications(changes: Heard) -> None:
    elsewhere("[notifications.changed([f'n{n}']) for n in range(500)]")
    told = changes.until(frozenset(f"n{n}" for n in range(500)))
    assert len(told) < 100


def test_a_lost_connection_comes_back_and_everything_is_looked_at(changes: Heard) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [listening_backend()])
    assert changes.next() is None
    elsewhere("notifications.changed(['after'])")
    assert {"after"} in changes.until(frozenset({"after"}))


def test_without_a_database_callers_neither_wait_nor_fail(
    database: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(name: str) -> None:
        raise psycopg.OperationalError("no server")

    notifications.close()
    monkeypatch.setattr("executions.notifications.database.connect", refuse)
    heard = Heard()
    unsubscribe = notifications.on_changed(heard)
    began = monotonic()
    for number in range(5000):
        notifications.changed([str(number)])
    assert monotonic() - began < 1
    assert heard.next() == {"0"}
    unsubscribe()
    notifications.close()


def test_a_listener_that_fails_harms_nobody(changes: Heard, caplog: pytest.LogCaptureFixture) -> None:
    def fail(ids: Ids) -> None:
        raise RuntimeError("broken")

    unsubscribe = notifications.on_changed(fail)
    later = Heard()
    also = notifications.on_changed(later)
    notifications.changed(["a"])
    assert later.next() == {"a"}
    assert "broken" in caplog.text
    unsubscribe()
    also()
    notifications.changed(["b"])
    assert later.nothing()
