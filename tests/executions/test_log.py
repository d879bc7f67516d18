"""What each event carries, as the event contract has it, over everything that random worlds tell."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from executions.flow.outcomes import Failed
from executions.states import EventType
from tests.executions.build import Small, node, step
from tests.executions.chaos import Chaos
from tests.executions.graphs import Maker

RUN = {"nodeId", "runId"}
PLACED = {*RUN, "nodeIndex"}
END = {"executionTime", "nodesExecuted"}
REQUIRED: dict[str, set[str]] = {
    EventType.WORKFLOW_STARTED: {"startTime"},
    EventType.NODE_STARTED: {*PLACED, "attempt", "timestamp"},
    EventType.NODE_COMPLETED: {*PLACED, "timestamp", "duration"},
    EventType.NODE_FAILED: {*RUN, "attempt", "error", "timestamp", "duration"},
    EventType.NODE_RETRYING: {*RUN, "attempt", "error", "retryAt"},
    EventType.NODE_LOST: {*RUN, "attempt", "reason"},
    EventType.NODE_WAITING: {*RUN, "reason"},
    EventType.NODE_SKIPPED: {*RUN, "reason"},
    EventType.NODE_CANCELLED: {*RUN, "reason"},
    EventType.WORKFLOW_WAITING: {"timestamp", "reason"},
    EventType.WORKFLOW_PAUSED: {"timestamp"},
    EventType.WORKFLOW_RESUMED: {"timestamp"},
    EventType.WORKFLOW_CANCELLING: {"timestamp"},
    EventType.WORKFLOW_COMPLETED: END,
    EventType.WORKFLOW_FAILED: {*END, "error", "errorInfo"},
    EventType.WORKFLOW_CANCELLED: END,
    EventType.WORKFLOW_TIMED_OUT: {*END, "reason"},
}
OPTIONAL = {
    *("totalNodes", "path", "nextNodeId", "output", "outputTruncated", "handledBy", "reason", "by"),
    *("attempt", "duration", "timestamp", "nodeIndex", "until", "item", "undoes", "notCompensated"),
}


@pytest.fixture(scope="module")
def events() -> list[dict[str, Any]]:
    """Without the first, which is not the flow's."""
    found: list[dict[str, Any]] = []
    for seed in range(300):
        random = Random(seed)
        world = Chaos(Maker(random, racy=True, telling=True).story(), random, may_cancel=True)
        world.run()
        found += world.rows.events[1:]
    tasks = [{"node": "a"}, {"node": "b", "dependsOn": ["a"]}]
    skipping = Small(node("dag", "g", config={"tasks": tasks}), step("a"), step("b"))
    skipping.ends("a", outcome=Failed("Boom", "as told"))
    return found + skipping.rows.events[1:]


@pytest.mark.parametrize("type", REQUIRED)
def test_an_event_carries_what_the_contract_says(type: str, events: list[dict[str, Any]]) -> None:
    told = [event["data"] for event in events if event["type"] == type]
    assert told, "nobody has told one"
    for data in told:
        assert REQUIRED[type] <= set(data) <= REQUIRED[type] | OPTIONAL
        assert None not in data.values()


def test_an_error_is_told_by_its_name_and_message_and_never_by_its_stack(
    events: list[dict[str, Any]],
) -> None:
    told = [event["data"]["error"] for event in events if event["type"] == EventType.NODE_FAILED]
    for error in told:
        assert {"name", "message"} <= set(error) <= {"name", "message", "nodeId"}
    ends = [event["data"] for event in events if event["type"] == EventType.WORKFLOW_FAILED]
    for data in ends:
        assert data["error"] == data["errorInfo"]["message"]
        assert set(data["errorInfo"]) == {"name", "message", "nodeId"}


def test_how_many_nodes_there_are_is_told_where_it_is_known() -> None:
    once = Small(step("a", "b"), step("b"))
    for_ever = Small(step("a", "b"), step("b", "a"))
    assert once.told("workflow.started")[0]["totalNodes"] == 2
    assert "totalNodes" not in for_ever.told("workflow.started")[0]


def test_a_branch_tells_its_path_from_the_outermost_scope() -> None:
    config = {"branches": ["g"]}
    inner = {"id": "g", "type": "parallel", "config": {"branches": ["a", "b"]}}
    world = Small({"id": "f", "type": "parallel", "config": config}, inner, step("a"), step("b"))
    assert [data["path"] for data in world.told("node.started")[1:]] == ["f/0", "f/0/g/0", "f/0/g/1"]
