"""``c4c worker``: it drives what is started elsewhere, and stops as it is asked to."""

from __future__ import annotations

import time
from collections.abc import Callable

from executions import operations
from executions.models import Execution, Executor
from executions.states import ExecutionStatus
from tests.cli.conftest import LIMIT, Run, Running
from tests.cli.test_exec import SLEEPER
from workflows import library


def test_a_worker_drives_what_is_started_elsewhere(starting: Callable[..., Running]) -> None:
    starting("worker").until("worker ")
    execution = operations.start("simple-math-workflow")
    _wait_for(lambda: _status(execution.id).is_terminal)
    assert _status(execution.id) == "completed"


def test_sigterm_lets_an_attempt_in_flight_end_and_leaves_no_lease(starting: Callable[..., Running]) -> None:
    library.publish({**SLEEPER, "nodes": [{**SLEEPER["nodes"][0], "config": {"seconds": 1}}]})
    worker = starting("worker", "--concurrency", "2")
    worker.until("up to 2 executions")
    execution = operations.start("sleeper")
    _wait_for(lambda: execution.node_runs.filter(status="running").exists())
    worker.terminate()
    assert worker.ends() == 0, worker.told
    assert _status(execution.id) == "completed"
    assert not Executor.objects.exists()


def test_what_outlasts_the_drain_is_handed_to_the_next_worker(starting: Callable[..., Running]) -> None:
    library.publish({**SLEEPER, "nodes": [{**SLEEPER["nodes"][0], "config": {"seconds": 2}}]})
    first = starting("worker", "--drain", "0.1")
    first.until("worker ")
    execution = operations.start("sleeper")
    _wait_for(lambda: execution.node_runs.filter(status="running").exists())
    first.terminate()
    assert first.ends() == 0, first.told
    assert Execution.objects.get(pk=execution.pk).leased_by is None
    starting("worker")
    _wait_for(lambda: _status(execution.id).is_terminal)
    assert _status(execution.id) == "completed"


def test_a_second_signal_ends_it_at_once(starting: Callable[..., Running]) -> None:
    library.publish(SLEEPER)
    worker = starting("worker")
    worker.until("worker ")
    execution = operations.start("sleeper")
    _wait_for(lambda: execution.node_runs.filter(status="running").exists())
    worker.terminate()
    _wait_for(lambda: _ends_at_another_signal(worker))
    assert worker.ends() == 1
    assert not _status(execution.id).is_terminal


def test_a_concurrency_that_is_no_number_is_a_usage_error(typed: Run) -> None:
    done = typed("worker", "--concurrency", "0")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "not a number above 0" in done.stderr


def _ends_at_another_signal(worker: Running) -> bool:
    worker.terminate()
    return worker.process.poll() is not None


def _status(execution_id: str) -> ExecutionStatus:
    return ExecutionStatus(Execution.objects.values_list("status", flat=True).get(pk=execution_id))


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)
