"""Whatever user code does to its thread, its transaction or the loop harms its own node and nothing else."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

import pytest
from django.db import connection

from executions import operations
from executions.executor import Executor
from executions.models import Execution, NodeRun
from executions.models import Executor as Row
from procedures import procedure
from tests.durability.conftest import all_ended, chain, start_many, until
from tests.durability.history import check
from tests.scripted.models import Call, Gate, Note

StartExecutor = Callable[..., Executor]


@procedure("durability.quit")
def quit_thread() -> None:
    raise SystemExit(3)


@procedure("durability.aquit")
async def quit_loop() -> None:
    raise SystemExit(3)


@procedure("durability.orm")
async def use_orm() -> int:
    return await Call.objects.acount()


@procedure("durability.block")
async def block() -> None:
    time.sleep(2.5)


@procedure("durability.deaf")
async def ignore_cancellation() -> None:
    while True:
        try:
            await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            continue


@procedure("durability.huge")
def answer_much(megabytes: int) -> str:
    return "x" * (megabytes << 20)


def error_of(execution_id: str) -> str:
    error = NodeRun.objects.filter(execution=execution_id, error__isnull=False).values_list(
        "error", flat=True
    )
    return str(error[0]["name"])


@pytest.mark.parametrize("name", ["durability.quit", "durability.aquit"])
def test_user_code_that_exits_fails_its_node_and_not_the_executor(executor: StartExecutor, name: str) -> None:
    executor(threads=1)
    ids = start_many(chain("quits", name, 1), 2)
    until(all_ended, "both fail")
    assert [error_of(execution_id) for execution_id in ids] == ["SystemExit", "SystemExit"]


def test_a_commit_that_breaks_a_rule_of_the_users_fails_its_node_by_its_name(
    executor: StartExecutor, caplog: pytest.LogCaptureFixture
) -> None:
    executor()
    workflow = chain("clashes", "scripted.write", 1, text="same", times=1, then="clash")
    with caplog.at_level(logging.WARNING, "c4c"):
        ids = start_many(workflow, 1)
        until(all_ended, "it fails")
    assert error_of(ids[0]) == "IntegrityError"
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert not Note.objects.exists()
    check(ids)


@pytest.mark.parametrize("megabytes", [50, 1024])
def test_f19_an_answer_of_any_size_fails_its_node_and_nothing_else(
    executor: StartExecutor, megabytes: int
) -> None:
    executor()
    neighbours = start_many(chain("light", "scripted.sleep", 10, seconds=0.1), 20)
    (huge,) = start_many(chain("huge", "durability.huge", 1, megabytes=megabytes), 1)
    until(all_ended, "every execution ends")
    assert error_of(huge) == "InvalidOutput"
    assert set(Execution.objects.filter(pk__in=neighbours).values_list("status", flat=True)) == {"completed"}
    assert Row.objects.count() == 1, "it was never taken for dead"
    check([huge, *neighbours])


def test_a_full_thread_pool_leaves_async_procedures_alone(executor: StartExecutor) -> None:
    executor(threads=2)
    held = start_many(chain("held", "scripted.hang", 1, gate="open"), 4)
    until(lambda: Call.objects.count() == 2, "two run, two wait for a thread")
    free = start_many(chain("free", "scripted.bare", 3), 10)
    until(lambda: Execution.objects.filter(pk__in=free, status="completed").count() == 10, "they end")
    waiting = set(held) - set(Call.objects.values_list("execution", flat=True))
    for execution_id in waiting:
        operations.cancel(execution_id)
    cancelled = Execution.objects.filter(pk__in=waiting, status="cancelled")
    until(lambda: cancelled.count() == 2, "what waits for a thread need not wait to be cancelled", 5)
    Gate.objects.create(name="open")
    until(all_ended, "every execution ends")
    assert Call.objects.count() == 2, "what was cancelled while it waited never ran"
    check([*held, *free])


def test_procedures_left_behind_do_not_use_up_the_threads(executor: StartExecutor) -> None:
    executor(threads=1)
    (hung,) = start_many(chain("hung", "scripted.hang", 1, gate="open", stubborn=True), 1)
    until(lambda: Call.objects.count() == 1, "it has the only thread")
    operations.cancel(hung, force=True)
    ids = start_many(chain("next", "scripted.ok", 2), 2)
    until(all_ended, "every execution ends")
    check([hung, *ids])
    Gate.objects.create(name="open")


def test_f07_a_blocked_loop_keeps_its_leases(executor: StartExecutor) -> None:
    executor()
    ids = start_many(chain("blocks", "durability.block", 1), 1)
    until(all_ended, "it ends")
    check(ids)
    assert Execution.objects.get().status == "completed"
    assert Row.objects.count() == 1


def test_async_code_that_will_not_be_cancelled_does_not_keep_the_executor(executor: StartExecutor) -> None:
    one = executor()
    start_many(chain("deaf", "durability.deaf", 1), 1)
    until(lambda: NodeRun.objects.filter(status="running").exists(), "it runs")
    one.stop(0)
    until(one.loop.is_closed, "the executor ends", 5)
    assert not Execution.objects.filter(leased_by__isnull=False).exists()


def test_an_executor_keeps_to_a_handful_of_connections(
    executor: StartExecutor, capsys: pytest.CaptureFixture[str]
) -> None:
    executor()
    until(lambda: Row.objects.count() == 1, "it is there")
    idle = connections()
    ids = start_many(chain("orm", "durability.orm", 2), 60)
    until(all_ended, "every execution ends")
    until(lambda: connections() <= 7, "what async procedures used is given back", 5)
    with capsys.disabled():
        print(f"\nconnections of an executor: {idle} idle at first, {connections()} after work")
    check(ids)


def connections() -> int:
    """To the test's database, but for our own."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        found: int = cursor.fetchone()[0]
    return found
