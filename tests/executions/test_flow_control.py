"""Limits, lanes and queues, with real executors on a real database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import connection

from executions import operations, queues
from executions.errors import InvalidInput
from executions.executor import Executor
from executions.executor.claiming import lanes
from executions.models import Execution, Lane, NodeRun, Slot
from tests.executions.build import delay, document, fork, scripted, step
from tests.executions.engine import ended, executing, has_status, open_gate, run, start, until
from workflows import library

pytestmark = pytest.mark.usefixtures("database")

Intervals = list[tuple[float, float]]

numbers = count(1)


@contextmanager
def several(number: int, **options: Any) -> Iterator[list[Executor]]:
    """Executors that know nothing of each other."""
    with ExitStack() as stack:
        yield [stack.enter_context(executing(**options)) for _ in range(number)]


def limited(limits: dict[str, Any], *nodes: dict[str, Any], id: str = "limited") -> str:
    """Publish it; without nodes it is one that stays for a moment and says when."""
    library.publish(document(*(nodes or [stay(0.02)]), id=id, limits=limits))
    return id


def stay(seconds: float) -> dict[str, Any]:
    return scripted("stay", "stay", config={"seconds": seconds})


def many(workflow: str, inputs: list[dict[str, Any]], **options: Any) -> list[str]:
    return [operations.start(workflow, input=input, **options).id for input in inputs]


def all_ended(ids: list[str]) -> list[Execution]:
    until(lambda: not Execution.objects.filter(pk__in=ids, ended_at=None).exists())
    return list(Execution.objects.filter(pk__in=ids).order_by("admitted_at", "started_at"))


def stays(ids: list[str]) -> Intervals:
    """When each was in user code, by what that wrote down."""
    return [(told["came"], told["left"]) for told in (ended(id).outputs["stay"] for id in ids)]


def most_at_once(intervals: Intervals) -> int:
    moments = sorted([(came, 1) for came, _ in intervals] + [(left, -1) for _, left in intervals])
    return max(sum(change for _, change in moments[: place + 1]) for place in range(len(moments)))


def lives(ids: list[str]) -> Intervals:
    """From begin to end, as the rows tell."""
    rows = Execution.objects.filter(pk__in=ids)
    return [(row.started_at.timestamp(), row.ended_at.timestamp()) for row in rows]


def order_of(ids: list[str]) -> list[str]:
    return [row.id for row in all_ended(ids)]


# Concurrency


def test_no_more_than_the_limit_run_at_once_however_many_executors_there_are() -> None:
    workflow = limited({"concurrency": 2})
    with several(3):
        ids = many(workflow, [{}] * 30)
        all_ended(ids)
    assert {ended(id).status for id in ids} == {"completed"}
    assert most_at_once(stays(ids)) <= 2
    assert most_at_once(lives(ids)) <= 2


def test_each_value_of_the_key_has_places_of_its_own() -> None:
    workflow = limited({"concurrency": {"limit": 1, "key": "input.tenant"}}, id="per-tenant")
    with several(3):
        ids = {tenant: many(workflow, [{"tenant": tenant}] * 8) for tenant in ("a", "b", "c")}
        all_ended([id for some in ids.values() for id in some])
    assert all(most_at_once(stays(some)) == 1 for some in ids.values())
    assert most_at_once([each for some in ids.values() for each in stays(some)]) > 1


def test_an_execution_has_to_pass_all_of_its_limits() -> None:
    both = [{"limit": 3}, {"limit": 1, "key": "input.tenant"}]
    workflow = limited({"concurrency": both}, id="twice-limited")
    with several(2):
        ids = {tenant: many(workflow, [{"tenant": tenant}] * 4) for tenant in "abcdef"}
        all_ended([id for some in ids.values() for id in some])
    assert all(most_at_once(stays(some)) == 1 for some in ids.values())
    assert most_at_once([each for some in ids.values() for each in stays(some)]) <= 3


def test_a_place_is_held_until_the_end_waits_included() -> None:
    workflow = limited({"concurrency": 1}, delay("d", 1.2, "a"), step("a"), id="sleeper")
    with executing():
        first, second = many(workflow, [{}, {}])
        has_status(first, "waiting")
        assert Execution.objects.get(pk=second).status == "queued"
        all_ended([first, second])
    earlier, later = Execution.objects.filter(pk__in=[first, second]).order_by("started_at")
    assert later.started_at >= earlier.ended_at


def test_what_is_more_urgent_goes_first() -> None:
    workflow = limited({"concurrency": 1}, scripted("ahang", "a", config={"gate": "urgent"}), id="urgency")
    with executing():
        first = operations.start(workflow).id
        has_status(first, "running")
        ids = [operations.start(workflow, priority=level).id for level in (0, 9, 5)]
        open_gate("urgent")
        assert order_of(ids) == [ids[1], ids[2], ids[0]]


def test_a_version_with_other_limits_counts_what_the_older_one_runs() -> None:
    hanging = scripted("ahang", "a", config={"gate": "versions"})
    limited({"concurrency": 1}, hanging, id="versions")
    with executing():
        first = operations.start("versions").id
        has_status(first, "running")
        limited({"concurrency": 2}, hanging, id="versions")
        ids = many("versions", [{}, {}])
        has_status(ids[0], "running")
        assert Execution.objects.get(pk=ids[1]).status == "queued"
        open_gate("versions")
        all_ended([first, *ids])
    assert most_at_once(lives([first, *ids])) == 2


def test_an_inline_definition_takes_no_places_of_the_stored_one_of_its_name() -> None:
    hanging = scripted("ahang", "a", config={"gate": "inline"})
    limited({"concurrency": 1}, hanging, id="both")
    with executing():
        first = operations.start("both").id
        has_status(first, "running")
        assert run(step("a"), fields={"id": "both", "limits": {"concurrency": 1}}).status == "completed"
        open_gate("inline")
        all_ended([first])


# Rate


def test_no_more_than_the_rate_are_let_through_in_any_window() -> None:
    workflow = limited({"rate": {"limit": 3, "seconds": 0.7}}, id="rated")
    with several(3):
        ids = many(workflow, [{}] * 8)
        rows = all_ended(ids)
    moments = sorted(row.admitted_at.timestamp() for row in rows)
    assert all(later - earlier >= 0.7 for earlier, later in zip(moments, moments[3:], strict=False))


def test_a_rate_and_a_concurrency_hold_together() -> None:
    limits = {"rate": {"limit": 4, "seconds": 0.4, "key": "input.tenant"}, "concurrency": 1}
    workflow = limited(limits, id="rated-and-limited")
    with several(2):
        ids = many(workflow, [{"tenant": tenant} for tenant in "aabbaabbaa"])
        all_ended(ids)
    assert most_at_once(stays(ids)) == 1
    of_a = Execution.objects.filter(pk__in=ids, input__tenant="a")
    moments = sorted(row.admitted_at.timestamp() for row in of_a)
    assert all(later - earlier >= 0.4 for earlier, later in zip(moments, moments[4:], strict=False))


# Fairness


def test_f20_a_small_tenant_goes_through_beside_a_thousand_of_another_one() -> None:
    workflow = limited({"concurrency": 2, "fairness": "input.tenant"}, stay(0.005), id="fair")
    crowd = many(workflow, [{"tenant": "big"}] * 1000)
    of_crowd = Execution.objects.filter(pk__in=crowd)
    with several(2):
        until(lambda: of_crowd.exclude(started_at=None).count() > 20)
        few = many(workflow, [{"tenant": "small"}] * 5)
        moments = [row.admitted_at for row in all_ended(few)]
        queued = Execution.objects.get(pk=few[0]).queued_at
        assert of_crowd.filter(admitted_at__gt=queued, admitted_at__lt=max(moments)).count() < 100
    of_crowd.filter(started_at=None).delete()
    begun = of_crowd.exclude(ended_at=None).values_list("pk", flat=True)
    assert most_at_once(lives([*few, *begun])) <= 2


def test_turns_go_round_between_the_values_of_the_fairness_key() -> None:
    workflow = limited({"concurrency": 1, "fairness": "input.tenant"}, id="turns")
    ids = {tenant: many(workflow, [{"tenant": tenant}] * 4) for tenant in "abc"}
    with executing():
        order = order_of([id for some in ids.values() for id in some])
    tenants = [next(tenant for tenant, some in ids.items() if id in some) for id in order]
    assert all(set(tenants[place : place + 3]) == set("abc") for place in range(0, 12, 3))


# At the gate


@pytest.fixture
def full() -> Iterator[str]:
    """The workflow of a single place, which is taken until the gate of its name is open."""
    workflow = f"full-{next(numbers)}"
    limited({"concurrency": 1}, scripted("ahang", "a", config={"gate": workflow}), id=workflow)
    with executing():
        holder = operations.start(workflow).id
        has_status(holder, "running")
        yield workflow
        open_gate(workflow)
        all_ended(list(Execution.objects.filter(workflow_id=workflow).values_list("pk", flat=True)))


def test_what_waits_for_its_turn_can_be_cancelled(full: str) -> None:
    waiting = operations.start(full).id
    operations.cancel(waiting, reason="not needed")
    assert ended(waiting).status == "cancelled"
    assert ended(waiting).row.started_at is None


def test_what_waits_for_its_turn_is_paused_and_resumed_and_waits_again(full: str) -> None:
    waiting = operations.start(full).id
    operations.pause(waiting)
    has_status(waiting, "paused")
    operations.resume(waiting)
    has_status(waiting, "queued")
    until(lambda: Execution.objects.get(pk=waiting).leased_by is None)
    assert Execution.objects.get(pk=waiting).started_at is None
    open_gate(full)
    told = ended(waiting)
    assert told.status == "completed"
    assert told.types[:4] == ["workflow.queued", "workflow.paused", "workflow.resumed", "workflow.started"]


def test_what_is_paused_lets_others_pass(full: str) -> None:
    paused, other = operations.start(full).id, operations.start(full).id
    operations.pause(paused)
    has_status(paused, "paused")
    open_gate(full)
    assert ended(other).status == "completed"
    assert Execution.objects.get(pk=paused).status == "paused"
    operations.resume(paused)
    assert ended(paused).status == "completed"


def test_a_deadline_passes_while_it_waits_for_its_turn(full: str) -> None:
    waiting = operations.start(full, timeout=0.4).id
    assert ended(waiting).status == "timed_out"
    assert ended(waiting).row.started_at is None


def test_a_start_from_async_code_waits_for_its_turn_too(full: str) -> None:
    waiting = async_to_sync(operations.astart)(full)
    assert waiting.status == "queued"
    assert Execution.objects.get(pk=waiting.pk).lane


def test_reruns_and_retries_wait_for_their_turn(full: str) -> None:
    waiting = operations.start(full).id
    operations.cancel(waiting)
    ended(waiting)
    for again in (operations.rerun(waiting), operations.retry(waiting)):
        row = Execution.objects.get(pk=again.id)
        assert row.status == "queued" and row.lane and row.admitted_at is None
    open_gate(full)


def test_a_key_that_cannot_be_evaluated_is_told() -> None:
    workflow = limited({"concurrency": {"limit": 1, "key": "input.tenant"}}, id="keyed")
    with pytest.raises(InvalidInput, match=r"limits\.concurrency\[0\]\.key"):
        operations.start(workflow, input={})


def test_the_gate_leaves_nothing_behind() -> None:
    workflow = limited({"concurrency": {"limit": 2, "key": "input.tenant"}}, id="tidy")
    with executing():
        all_ended(many(workflow, [{"tenant": tenant} for tenant in "aabbccdd"]))
        until(lambda: not Lane.objects.filter(name__startswith="tidy/").exists())
    Execution.objects.filter(workflow_id="tidy").update(ended_at="2020-01-01T00:00Z")
    with connection.cursor() as cursor:
        cursor.execute(lanes.SWEEP_SLOTS)
    assert not Slot.objects.filter(key__startswith="tidy ").exists()


# What was forgotten


def test_a_lane_that_nobody_opened_is_found() -> None:
    workflow = limited({"concurrency": 1}, id="unopened")
    waiting = operations.start(workflow).id
    Lane.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute(lanes.REOPEN)
    with executing():
        assert ended(waiting).status == "completed"


def test_a_lane_that_nobody_told_is_found() -> None:
    workflow = limited({"concurrency": 1}, id="untold")
    waiting = operations.start(workflow).id
    key = Execution.objects.get(pk=waiting).gate[0]["key"]
    Lane.objects.filter(name__startswith="untold/").update(check_at=None, blocked_by=key)
    Slot.objects.create(key=key, execution_id="one-that-is-gone")
    with connection.cursor() as cursor:
        cursor.execute(lanes.REWAKE)
    with executing():
        assert ended(waiting).status == "completed"


# Queues


def test_an_executor_claims_only_from_the_queues_that_it_serves() -> None:
    library.publish(document(step("a"), id="anywhere"))
    with executing(queues=["left"]) as left:
        elsewhere = operations.start("anywhere", queue="right").id
        here = operations.start("anywhere", queue="left").id
        assert ended(here).status == "completed"
        begun = async_to_sync(operations.astart)("anywhere", queue="right")
        assert begun.status == "queued"
        assert Execution.objects.get(pk=elsewhere).status == "queued"
        assert left.served.queues == ["left"]
    with executing(queues=["right", "other"]):
        assert ended(elsewhere).status == ended(begun.pk).status == "completed"


def test_the_definition_names_a_queue_and_a_start_another_one() -> None:
    library.publish(document(step("a"), id="queued", limits={"queue": "heavy"}))
    assert operations.start("queued").queue == "heavy"
    other = operations.start("queued", queue="light")
    assert other.queue == "light"
    with executing(queues=["light"]):
        assert ended(other.id).status == "completed"
    assert operations.rerun(other.id).queue == "light"
    with pytest.raises(InvalidInput, match="queue must be"):
        operations.start("queued", queue="not a queue")


def test_nothing_of_a_paused_queue_begins_until_it_is_resumed() -> None:
    library.publish(document(step("a"), id="held-back", limits={"queue": "held"}))
    with executing():
        queues.pause("held", actor="ann")
        held = operations.start("held-back").id
        at_once = async_to_sync(operations.astart)("held-back", queue="held")
        assert run(step("a")).status == "completed"
        assert Execution.objects.get(pk=held).status == "queued"
        assert Execution.objects.get(pk=at_once.pk).status == "queued"
        queues.resume("held")
        assert ended(held).status == ended(at_once.pk).status == "completed"


def test_what_waits_in_a_paused_queue_can_be_cancelled() -> None:
    library.publish(document(step("a"), id="given-up", limits={"queue": "given-up"}))
    queues.pause("given-up")
    with executing():
        held = operations.start("given-up").id
        operations.cancel(held)
        assert ended(held).status == "cancelled"


def test_what_sleeps_in_a_paused_queue_goes_on_when_it_is_resumed() -> None:
    fields = {"limits": {"queue": "dormant"}}
    with executing():
        sleeper = start(delay("d", 1.1, "a"), step("a"), fields=fields)
        has_status(sleeper, "waiting")
        queues.pause("dormant")
        until(lambda: Execution.objects.get(pk=sleeper).available_at < _now())
        assert run(step("a")).status == "completed"
        assert Execution.objects.get(pk=sleeper).status == "waiting"
        queues.resume("dormant")
        assert ended(sleeper).status == "completed"


def test_no_queue_starves_another_one() -> None:
    library.publish(document(stay(0.005), id="crowded"))
    crowd = many("crowded", [{}] * 200, queue="aaa")
    few = many("crowded", [{}] * 5, queue="bbb")
    with executing(concurrency=4):
        order = order_of([*crowd, *few])
    assert max(order.index(id) for id in few) < 150


def _now() -> Any:
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        return cursor.fetchone()[0]


# Nodes with a queue of their own


def test_a_node_runs_where_its_queue_is_served() -> None:
    nodes = [step("a", "b"), step("b", "c", queue="right"), step("c", queue="left")]
    with executing(queues=["left", "default"]):
        moving = start(*nodes)
        until(lambda: Execution.objects.get(pk=moving).queue == "right")
        assert Execution.objects.get(pk=moving).leased_by is None
        pending = NodeRun.objects.get(execution=moving, node_id="b")
        assert (pending.status, "right" in pending.wait_reason) == ("pending", True)
        with executing(queues=["right"]):
            assert ended(moving).status == "completed"
        assert Execution.objects.get(pk=moving).queue == "left"


def test_lines_in_different_queues_are_brought_together() -> None:
    branches = [step("a", queue="left"), step("b", queue="right"), delay("d", 0.2, "e"), step("e")]
    with executing(queues=["left", "default"]), executing(queues=["right"]):
        told = ended(start(fork("all", ["a", "b", "d"], "end"), *branches, step("end", queue="left")))
    assert told.status == "completed"
    assert set(told.statuses.values()) == {"completed"}


def test_a_retry_is_made_in_its_nodes_queue() -> None:
    failing = scripted("fail", "a", queue="right", retry={"maxAttempts": 2, "initialInterval": 0.2})
    with executing(queues=["left", "default"]), executing(queues=["right"]):
        told = ended(start(fork("all", ["a", "b"]), failing, step("b", queue="left")))
    assert (told.status, told.of("a").attempt) == ("failed", 2)
