"""Workers die while branches, children, retries, sleeps and places are open: each goes on once."""

from __future__ import annotations

import signal
from itertools import pairwise
from typing import Any

import pytest

from executions import operations
from executions.models import Event, Execution, Executor, NodeRun
from tests.chaos.stories import RETRY, call, child
from tests.durability.conftest import StartWorker, all_ended, published, start_many, until
from tests.durability.history import check
from tests.executions.build import delay, fork, scripted
from tests.scripted.models import Call

MOMENTS = [("written", 3), ("committed", 3), ("committed", 6)]


def survive(worker: StartWorker, moment: tuple[str, int]) -> None:
    """A worker dies at that moment; another one ends what it has begun."""
    assert worker(*moment).wait(30) == -signal.SIGKILL
    worker()
    until(all_ended, "every execution ends")


@pytest.mark.parametrize("moment", MOMENTS)
def test_f05_a_crash_between_two_steps_gives_the_place_under_a_key_back(
    worker: StartWorker, moment: tuple[str, int]
) -> None:
    limits = {"concurrency": {"limit": 1, "key": "input.tenant"}}
    workflow = published("single", [call("aok", "a", "b"), call("aok", "b")], limits=limits)
    ids = [operations.start(workflow, input={"tenant": tenant}).id for tenant in "aaaabb"]
    survive(worker, moment)
    check(ids)
    spans = Execution.objects.order_by("admitted_at").values_list("input", "admitted_at", "ended_at")
    for tenant in "ab":
        own = [(begin, end) for input, begin, end in spans if input["tenant"] == tenant]
        assert all(one[1] <= other[0] for one, other in pairwise(own)), "two at once"


@pytest.mark.parametrize("moment", MOMENTS)
def test_f11_a_failing_branch_in_a_nested_scope_leads_to_its_handler_once(
    worker: StartWorker, moment: tuple[str, int]
) -> None:
    nodes = [
        fork("outer", ["inner", "x"], "last"),
        fork("inner", ["fails", "y"], onError="caught"),
        scripted("afail", "fails", config={}),
        call("aok", "y"),
        call("aok", "x"),
        call("aok", "caught"),
        call("aok", "last"),
    ]
    ids = start_many(published("nested", nodes), 5)
    survive(worker, moment)
    check(ids)
    assert set(Execution.objects.values_list("status", flat=True)) == {"completed"}
    for node in ("caught", "last"):
        assert NodeRun.objects.filter(node_id=node, status="completed").count() == 5


@pytest.mark.parametrize("moment", MOMENTS)
def test_f12_a_parent_waits_for_its_grandchildren(worker: StartWorker, moment: tuple[str, int]) -> None:
    published("leaf", [call("sleep", "a", "b", seconds=0.3), call("aok", "b")])
    published("middle", [child("below", "leaf")])
    ids = start_many(
        published(
            "top",
            [
                child("below", "middle"),
            ],
        ),
        5,
    )
    survive(worker, moment)
    check(ids)
    assert Execution.objects.filter(status="completed").count() == 15, "each has one child and one grandchild"
    ended = {row.id: row.ended_at for row in Execution.objects.all()}
    for row in Execution.objects.filter(parent__isnull=False):
        assert row.ended_at < ended[row.parent_id]


@pytest.mark.parametrize("moment", MOMENTS)
def test_f13_a_join_waits_for_the_retries_in_its_branches(
    worker: StartWorker, moment: tuple[str, int]
) -> None:
    branch = scripted("afail", "fails", config={"times": 2, "output": {"v": 1}}, retry=RETRY)
    nodes = [fork("fork", ["fails", "x"], "last"), branch, call("aok", "x"), call("aok", "last")]
    ids = start_many(published("retried", nodes), 5)
    survive(worker, moment)
    check(ids)
    assert set(Execution.objects.values_list("status", flat=True)) == {"completed"}
    for execution_id in ids:
        log = Event.objects.filter(execution=execution_id)
        last = log.get(type="node.started", data__nodeId="last")
        assert log.get(type="node.completed", data__nodeId="fails").seq < last.seq


def test_f14_a_sleep_longer_than_every_lease_is_over_once(worker: StartWorker) -> None:
    ids = start_many(published("nap", [delay("sleep", 5, "then"), call("aok", "then")]), 10)
    first = worker()
    for _ in range(2):
        worker()
    until(lambda: Event.objects.filter(type="workflow.waiting").count() == 10, "all are parked")
    until(lambda: Executor.objects.count() == 3, "all workers are there")
    first.kill()
    until(all_ended, "every execution ends")
    check(ids)
    assert Call.objects.count() == 10
    slept: list[Any] = [run.ended_at - run.started_at for run in NodeRun.objects.filter(kind="delay")]
    assert min(each.total_seconds() for each in slept) >= 5
