"""Why does it not go on? Told for an execution and for each of its nodes."""

from __future__ import annotations

from typing import Any

import pytest

from executions import operations, queries, queues
from executions.models import Execution
from tests.executions.build import delay, document, fork, node, scripted, step
from tests.executions.engine import ended, executing, has_status, is_called, open_gate, start, until
from workflows import library

pytestmark = pytest.mark.usefixtures("database")


def why(execution_id: str) -> dict[str, Any]:
    told: dict[str, Any] = queries.execution_document(execution_id, reasons=True).get("waiting", {})
    return told


def test_nobody_serves_its_queue() -> None:
    waiting = start(step("a"), queue="nobody")
    assert why(waiting)["reason"] == "no_worker"
    with executing(queues=["other"]):
        assert "nobody" in why(waiting)["detail"]
    with executing(queues=["nobody"]):
        assert ended(waiting).status == "completed"
    assert why(waiting) == {}


def test_its_queue_is_paused_and_by_whom() -> None:
    queues.pause("resting", actor="ann")
    assert why(start(step("a"), queue="resting"))["detail"] == "the queue resting is paused, by ann"


def test_others_of_its_queue_come_first() -> None:
    with executing(concurrency=1, queues=["narrow"]):
        holder = start(scripted("ahang", "a", config={"gate": "narrow"}), queue="narrow")
        is_called(holder, "a")
        first, second = start(step("a"), queue="narrow"), start(step("a"), queue="narrow")
        urgent = start(step("a"), queue="narrow", priority=9)
        told = [(why(id)["reason"], why(id)["place"], why(id)["of"]) for id in (urgent, first, second)]
        assert told == [("queue", 0, 3), ("queue", 1, 3), ("queue", 2, 3)]
        open_gate("narrow")
        ended(second)


def test_the_places_under_its_limit_are_taken_and_by_whom() -> None:
    limits = {"concurrency": {"limit": 1, "key": "input.tenant"}}
    hanging = scripted("ahang", "a", config={"gate": "places"})
    library.publish(document(hanging, id="placed", limits=limits))
    with executing():
        holder = operations.start("placed", input={"tenant": "acme"}).id
        has_status(holder, "running")
        first, second = (operations.start("placed", input={"tenant": "acme"}).id for _ in range(2))
        told = why(second)
        assert (told["reason"], told["place"], told["of"]) == ("slot", 1, 2)
        assert '"acme"' in told["detail"] and holder in told["detail"]
        open_gate("places")
        ended(first), ended(second)


def test_the_rate_lets_it_through_at_a_moment() -> None:
    library.publish(document(step("a"), id="paced", limits={"rate": {"limit": 1, "seconds": 1.5}}))
    with executing():
        ended(operations.start("paced").id)
        waiting = operations.start("paced").id
        until(lambda: why(waiting).get("reason") == "rate")
        assert why(waiting)["until"]
        assert ended(waiting).status == "completed"


def test_each_of_its_nodes_tells_what_it_waits_for() -> None:
    branches = [
        delay("slow", 60),
        node("wait", "signalled", config={"signal": "go"}),
        node("wait", "emitted", config={"event": "paid"}),
        node("wait", "approved", config={"approval": {"users": ["ann"]}}),
        scripted("fail", "retried", retry={"maxAttempts": 2, "initialInterval": 60, "jitter": 0}),
    ]
    with executing():
        waiting = start(fork("all", [branch["id"] for branch in branches]), *branches)
        has_status(waiting, "waiting")
        told = why(waiting)
        assert {found["nodeId"]: found["reason"] for found in told["nodes"]} == {
            "slow": "timer",
            "signalled": "signal",
            "emitted": "event",
            "approved": "approval",
            "retried": "retry",
        }
        assert told["until"] == min(found["until"] for found in told["nodes"] if "until" in found)
        operations.pause(waiting, actor="ben")
        has_status(waiting, "paused")
        assert why(waiting)["detail"] == "it is paused, by ben"
        operations.cancel(waiting)
        ended(waiting)


def test_a_task_waits_for_the_tasks_that_it_depends_on() -> None:
    tasks = [{"node": "a"}, {"node": "b"}, {"node": "c", "dependsOn": ["a", "b"]}]
    with executing():
        dag = node("dag", "tasks", config={"tasks": tasks})
        hanging = scripted("ahang", "a", config={"gate": "depends"})
        waiting = start(dag, hanging, step("b"), step("c"))
        is_called(waiting, "a")
        until(lambda: Execution.objects.get(pk=waiting).node_runs.filter(node_id="b", status="completed"))
        assert why(waiting)["nodes"] == [{"nodeId": "c", "reason": "dependency", "detail": "waits for a"}]
        open_gate("depends")
        ended(waiting)


def test_the_queues_are_listed_with_what_waits_in_each() -> None:
    start(step("a"), queue="listed")
    start(step("a"), queue="listed")
    found = {row["name"]: row for row in queues.listed()}
    assert (found["listed"]["due"], found["listed"]["running"], found["listed"]["executors"]) == (2, 0, 0)
    assert "default" in found
    assert queues.pause("listed", actor="ann").paused_by == "ann"
    assert queues.resume("listed").paused_at is None
