"""Executors that are killed, or stand still, with attempts in flight: others go on, and nothing is left."""

from __future__ import annotations

import logging
import os
from typing import Any

import psutil
import pytest

from executions.models import Executor
from tests.executions.build import scripted, step
from tests.executions.engine import QUICK, Ended, ended, executing, is_called, run, start, until
from tests.executions.worker import working

pytestmark = pytest.mark.usefixtures("database")

SHORT: dict[str, Any] = {**QUICK, "LEASE_SECONDS": 1.5, "HEARTBEAT_SECONDS": 0.2, "POLL_SECONDS": 0.2}


def is_alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("act", ["freeze", "deaf"])
def test_a_killed_executor_leaves_no_child_behind_and_another_goes_on(act: str) -> None:
    execution = start(scripted("apart", "a", config={"act": act, "times": 1}))
    with working(**SHORT) as worker:
        is_called(execution, "a")
        children = [child.pid for child in psutil.Process(worker.pid).children(recursive=True)]
        assert children
        worker.kill()
        worker.wait(10)
        until(lambda: not any(map(is_alive, children)))
    with executing():
        found = ended(execution)
    assert (found.status, found.of("a").attempt, found.of("a").lost) == ("completed", 2, 1)


def test_an_executor_that_is_told_to_stop_takes_its_children_along() -> None:
    execution = start(scripted("apart", "a", config={"act": "deaf", "times": 1}))
    with working(**SHORT) as worker:
        is_called(execution, "a")
        children = [child.pid for child in psutil.Process(worker.pid).children(recursive=True)]
        worker.terminate()
        assert worker.wait(15) == 0
        until(lambda: not any(map(is_alive, children)))
    with executing():
        found = ended(execution)
    assert (found.status, found.of("a").attempt, found.of("a").lost) == ("completed", 2, 0)


@pytest.mark.parametrize("busy", [False, True])
def test_f07_a_loop_that_is_blocked_for_less_than_the_limit_keeps_its_leases(busy: bool) -> None:
    with working(**SHORT, STALL_SECONDS=30) as worker:
        until(lambda: Executor.objects.filter(pid=worker.pid).exists())
        execution = start(scripted("block", "a", config={"seconds": 4, "busy": busy}))
        is_called(execution, "a")
        with executing():
            found = ended(execution)
        assert found.outputs == {"a": {"pid": worker.pid}}
    assert (found.of("a").attempt, found.of("a").lost) == (1, 0)


def test_f08_a_loop_that_stands_still_for_longer_loses_them_and_writes_nothing_more() -> None:
    with working(**SHORT, STALL_SECONDS=1) as worker:
        until(lambda: Executor.objects.filter(pid=worker.pid).exists())
        first = Executor.objects.get(pid=worker.pid).id
        execution = start(scripted("block", "a", "b", config={"seconds": 8, "times": 1}), step("b"))
        is_called(execution, "a")
        with executing():
            found = ended(execution)
            assert found.outputs["a"] == {"pid": os.getpid()}
            assert (found.of("a").attempt, found.of("a").lost) == (2, 1)
        back = Executor.objects.filter(pid=worker.pid).exclude(id=first)
        until(back.exists)  # it has heard that it was taken for dead, and begins anew
        after = Ended(execution)
        assert after.types == found.types
        assert [event.seq for event in after.events] == list(range(1, len(after.events) + 1))
        again = run(scripted("aok", "a"))
        assert again.status == "completed"


def test_what_blocks_the_loop_is_said(caplog: pytest.LogCaptureFixture, settings: Any) -> None:
    settings.C4C = {**settings.C4C, **SHORT, "STALL_SECONDS": 0.5}
    with caplog.at_level(logging.WARNING, "c4c.executor"), executing():
        found = run(scripted("block", "a", config={"seconds": 2}))
    assert found.status == "completed"
    (said,) = [r.getMessage() for r in caplog.records if "has not moved" in r.getMessage()]
    assert "time.sleep(seconds)" in said
    assert "procedures.py" in said
    assert [r for r in caplog.records if "moves again" in r.getMessage()]


def test_a_process_that_is_idle_for_long_ends(settings: Any) -> None:
    settings.C4C = {**settings.C4C, "PROCESS_IDLE_SECONDS": 0.3}
    with executing():
        pid = run(scripted("apart", "a")).outputs["a"]["pid"]
        until(lambda: not is_alive(pid))
        assert run(scripted("apart", "a")).outputs["a"]["pid"] != pid


def test_a_process_that_cannot_be_set_up_fails_the_attempt_and_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "tests.nowhere")
    with executing():
        found = run(scripted("apart", "a"))
    assert found.error is not None
    assert found.error["name"] == "ProcessDied"
    assert "its process cannot be set up: ModuleNotFoundError" in found.error["message"]
