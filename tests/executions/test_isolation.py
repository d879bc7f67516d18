"""Procedures in processes of their own: real children, really killed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from random import Random
from typing import Any

import psutil
import pytest
from django.conf import settings
from django.test import override_settings

from executions import operations
from executions.errors import NotAllowed
from executions.executor import Executor
from executions.models import Execution, NodeRun
from executions.telemetry import span_id_of
from tests.executions.build import scripted
from tests.executions.engine import Ended, ended, executing, is_called, run, start, until
from tests.scripted.models import Call

ONCE_MORE = {"maxAttempts": 2, "initialInterval": 0.01, "jitter": 0}


@pytest.fixture(scope="module", autouse=True)
def apart(database: None) -> Iterator[Executor]:
    """Two processes at a time, and quick to lose patience."""
    with (
        override_settings(C4C={**settings.C4C, "PROCESSES": 2, "PROCESS_CALLS": 8}),
        executing() as executor,
    ):
        yield executor
    until(lambda: not children())


def children() -> list[psutil.Process]:
    """Living ones that run our program."""
    found = psutil.Process().children(recursive=True)
    return [child for child in found if child.status() != psutil.STATUS_ZOMBIE and is_ours(child)]


def is_ours(process: psutil.Process) -> bool:
    try:
        return any(word.endswith("isolation/program.py") for word in process.cmdline())
    except psutil.Error:
        return False


def is_alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def failure(found: Ended, node_id: str = "a") -> tuple[str, str]:
    error = found.of(node_id).error
    assert error is not None, found.types
    return error["name"], error["message"]


def test_it_runs_elsewhere_and_answers_here() -> None:
    found = run(scripted("apart", "a", config={"output": {"x": [1, None, "ü"]}}))
    output = found.outputs["a"]
    assert output["output"] == {"x": [1, None, "ü"]}
    assert output["pid"] != os.getpid()


def test_an_async_handler_may_be_isolated_too() -> None:
    found = run(scripted("aapart", "a", config={"seconds": 0.01, "output": 5}))
    assert found.outputs["a"]["output"] == 5
    assert found.outputs["a"]["pid"] != os.getpid()


def test_a_process_stays_for_the_next_call() -> None:
    found = run(scripted("apart", "a", "b"), scripted("aapart", "b", "c"), scripted("apart", "c"))
    assert len({output["pid"] for output in found.outputs.values()}) < 3


def test_it_has_its_context_and_its_own_connection_to_the_same_database() -> None:
    found = run(scripted("asks", "a"))
    told = found.outputs["a"]
    assert told == {"calls": 1, "attempt": 1, "key": f"{found.id}.0", "details": None, "node": "a"}


def test_what_it_raises_is_told_with_its_stack_and_retried() -> None:
    config = {"act": "fail", "times": 1, "output": 1}
    found = run(scripted("apart", "a", config=config, retry=ONCE_MORE))
    assert found.status == "completed"
    (past,) = found.of("a").attempts
    assert (past["error"]["name"], past["error"]["message"]) == ("Surrendered", "as told")
    assert 'procedures.py", line' in past["error"]["stack"]
    assert "invoking.py" not in past["error"]["stack"]


def test_input_that_does_not_fit_and_output_that_cannot_be_stored_are_told_as_ever() -> None:
    assert failure(run(scripted("apart", "a", config={"act": 5})))[0] == "InvalidInput"
    assert failure(run(scripted("hog", "a")))[0] == "InvalidInput"
    large = {"what": [["stream", 5]]}
    assert failure(run(scripted("apart-tells", "a", config=large)))[0] == "TypeError"


@pytest.mark.parametrize(
    ("act", "told"),
    [
        ("exit", "its process ended with exit code 3"),
        ("crash", "its process was ended by SIGSEGV"),
    ],
)
def test_a_process_that_dies_of_itself_fails_its_attempt_and_another_takes_its_place(
    act: str, told: str
) -> None:
    found = run(scripted("apart", "a", config={"act": act}))
    assert failure(found) == ("ProcessDied", told)
    assert found.error is not None
    assert ("in _act" in found.error.get("stack", "")) == (act == "crash")
    config = {"act": act, "times": 1}
    found = run(scripted("apart", "a", config=config, retry={**ONCE_MORE, "retryOn": ["ProcessDied"]}))
    assert (found.status, found.of("a").attempt) == ("completed", 2)


def test_a_process_that_is_killed_from_outside_is_a_lost_attempt_and_spends_no_retry() -> None:
    found = run(scripted("apart", "a", config={"act": "kill", "times": 2, "output": 1}))
    assert (found.status, found.of("a").attempt, found.of("a").lost) == ("completed", 3, 2)
    (lost, _) = found.told("node.lost")
    assert "killed by SIGKILL" in lost["reason"]


def test_f15_attempts_whose_processes_are_killed_again_and_again_are_not_repeated_for_ever() -> None:
    found = run(scripted("apart", "a", config={"act": "kill"}))
    assert failure(found)[0] == "AttemptsLost"
    assert found.calls("a") == 5


def test_more_memory_than_allowed_fails_the_attempt_and_nothing_else() -> None:
    found = run(scripted("hog", "a", config={"megabytes": 4000}))
    name, message = failure(found)
    assert name == "MemoryLimitExceeded"
    assert "memory_limit is 400 MiB" in message
    assert run(scripted("hog", "a", config={"megabytes": 20})).outputs == {"a": 20}


@pytest.mark.parametrize("act", ["freeze", "hang", "deaf"])
def test_f15_a_timeout_kills_whatever_it_does(act: str) -> None:
    config = {"act": act, "times": 1, "output": 1}
    found = run(scripted("apart", "a", config=config, timeout=0.3, retry=ONCE_MORE))
    assert found.of("a").attempts[0]["error"]["message"] == "no end within 0.3 s (timeout.startToClose)"
    assert found.outputs["a"]["output"] == 1


def test_a_process_that_tells_no_heartbeat_is_killed() -> None:
    config = {"act": "freeze", "times": 1}
    timeout = {"heartbeat": 0.3}
    found = run(scripted("apart", "a", config=config, timeout=timeout, retry=ONCE_MORE))
    assert found.of("a").attempts[0]["error"]["message"] == "no heartbeat within 0.3 s (timeout.heartbeat)"
    assert found.status == "completed"


def test_cancelling_asks_first() -> None:
    execution = start(scripted("apart", "a", config={"act": "hang"}))
    is_called(execution, "a")
    operations.cancel(execution)
    found = ended(execution)
    assert (found.status, found.statuses) == ("cancelled", {"a": "cancelled"})
    (told,) = found.told("node.cancelled")
    assert "in time" not in told["reason"]


def test_cancelling_an_async_handler_cancels_its_task() -> None:
    execution = start(scripted("aapart", "a", config={"seconds": 60}))
    is_called(execution, "a")
    operations.cancel(execution)
    found = ended(execution)
    (told,) = found.told("node.cancelled")
    assert "in time" not in told["reason"]


@pytest.mark.parametrize("act", ["freeze", "deaf"])
def test_f16_who_does_not_listen_is_killed_after_the_grace(act: str) -> None:
    execution = start(scripted("apart", "a", config={"act": act}))
    is_called(execution, "a")
    mine = {child.pid for child in children()}
    operations.cancel(execution)
    found = ended(execution)
    assert found.told("node.cancelled")[0]["reason"] == "cancelled; it did not end in time"
    until(lambda: not all(map(is_alive, mine)))


def test_what_a_killed_process_had_started_dies_with_it() -> None:
    execution = start(scripted("apart", "a", config={"act": "offspring"}))
    runs = NodeRun.objects.filter(execution=execution, details__isnull=False)
    started = until(runs.first).details["pid"]
    assert is_alive(started)
    operations.cancel(execution, force=True)
    ended(execution)
    until(lambda: not is_alive(started))


def test_what_waits_for_a_process_is_cancelled_at_once_and_never_runs() -> None:
    busy = [start(scripted("apart", "a", config={"act": "hang"})) for _ in range(2)]
    for execution in busy:
        is_called(execution, "a")
    waiting = start(scripted("apart", "a"))
    operations.cancel(waiting)
    assert ended(waiting).status == "cancelled"
    for execution in busy:
        operations.cancel(execution)
        ended(execution)
    assert not Call.objects.filter(execution=waiting).exists()


def test_what_waits_too_long_for_a_process_fails_for_that() -> None:
    busy = [start(scripted("apart", "a", config={"act": "hang"})) for _ in range(2)]
    for execution in busy:
        is_called(execution, "a")
    found = run(scripted("apart", "a", timeout={"scheduleToStart": 0.2}))
    told = "user code was not called within 0.2 s (timeout.scheduleToStart)"
    assert failure(found) == ("TimeoutError", told)
    for execution in busy:
        operations.cancel(execution)
        ended(execution)


def test_what_it_tells_is_in_the_log_before_its_end() -> None:
    what: list[Any] = [["progress", 0.5, "half"], ["log", "so far"], ["stream", "Once "], ["stream", "upon"]]
    what += [["heartbeat", {"page": 7}]]
    found = run(scripted("apart-tells", "a", config={"what": what, "times": 1}, retry=ONCE_MORE))
    assert found.outputs == {"a": {"page": 7}}
    first = [data for data in found.told("node.progress") if data["attempt"] == 1]
    assert {"progress": 0.5, "message": "half"}.items() <= first[0].items() or len(first) > 1
    assert "".join(data.get("chunk", "") for data in first) == "Once upon"
    assert [data["message"] for data in first if data.get("level") == "info"] == ["so far"]
    assert found.types.index("node.retrying") > found.types.index("node.progress")


def test_a_process_serves_so_many_calls_and_is_replaced() -> None:
    pids = [run(scripted("apart", "a")).outputs["a"]["pid"] for _ in range(17)]
    assert 3 <= len(set(pids)) <= 4


def test_a_process_that_dies_between_two_calls_harms_nobody() -> None:
    pid = run(scripted("apart", "a")).outputs["a"]["pid"]
    os.kill(pid, signal.SIGKILL)
    until(lambda: not is_alive(pid))
    found = run(scripted("apart", "a"))
    assert (found.status, found.of("a").lost) == ("completed", 0)


def test_its_calls_are_part_of_the_executions_trace() -> None:
    found = run(scripted("traced", "a"))
    (span,) = found.of("a").spans
    assert (span["name"], span["traceId"]) == ("inside", found.row.trace_id)
    assert span["parentSpanId"] == span_id_of(found.row.trace_id, 0, 1)


def test_whatever_becomes_of_many_at_once_each_ends_and_the_next_finds_a_process() -> None:
    random = Random(7)
    acts = ["ok", "exit", "kill", "hang", "deaf", "crash"]
    configs = [{"act": random.choice(acts), "times": 1} for _ in range(18)]
    ids = [start(scripted("apart", "a", config=config, retry=ONCE_MORE)) for config in configs]
    left = list(ids)
    while left:
        time.sleep(0.15)
        left = [each for each in left if Execution.objects.get(pk=each).ended_at is None]
        if left and random.random() < 0.5:
            with suppress(NotAllowed):  # it has just ended, or been told so
                operations.cancel(random.choice(left), force=random.random() < 0.5)
    statuses = {ended(each).status for each in ids}
    assert statuses <= {"completed", "cancelled"}
    assert run(scripted("apart", "a")).status == "completed"
