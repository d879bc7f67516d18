"""What the demo workflows answer, beside what the original answered."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.seeds.site import Site
from tests.seeds.streams import logged
from tests.telemetry import test_golden

RECORDED = Path(test_golden.__file__).parent / "golden"
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
ROOT, STEP, CHOICE = "workflow.execute", "workflow.node.procedure", "workflow.node.condition"
SCOPE, BRANCH = "workflow.node.parallel", "workflow.parallel.branch"

USER_123 = {"userId": "user123", "isPremium": False, "tier": "basic", "fetchedAt": "a moment"}
USER_456 = {**USER_123, "userId": "user456"}
SAVED = {"stored": True, "storedAt": "a moment"}
LOGGED = {"logged": True, "timestamp": "a moment"}


def processed(mode: str) -> dict[str, str]:
    return {"status": "processed", "mode": mode, "processedAt": "a moment"}


EXPECTED: dict[str, tuple[dict[str, Any], list[str], list[str]]] = {
    "simple-math-workflow": (
        {"add": {"result": 15}, "multiply": {"result": 6}, "subtract": {"result": 12}},
        ["add", "multiply", "subtract"],
        [STEP, STEP, STEP, ROOT],
    ),
    "data-processing-workflow": (
        {"fetch-user": USER_123, "process-basic": processed("basic"), "save-data": SAVED},
        ["fetch-user", "check-premium", "process-basic", "save-data"],
        [STEP, CHOICE, STEP, STEP, ROOT],
    ),
    "parallel-workflow": (
        {
            "start": USER_456,
            "math-branch": {"result": 150},
            "data-branch": processed("enterprise"),
            "finalize": SAVED,
        },
        ["start", "parallel-processing", "math-branch", "data-branch", "finalize"],
        [STEP, STEP, BRANCH, STEP, BRANCH, SCOPE, STEP, ROOT],
    ),
    "logging-workflow": (
        {"log-start": LOGGED, "do-math": {"result": 8}, "log-result": LOGGED},
        ["log-start", "do-math", "log-result"],
        [STEP, STEP, STEP, ROOT],
    ),
}


def timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: timeless(part) for name, part in value.items()}
    return "a moment" if isinstance(value, str) and MOMENT.fullmatch(value) else value


@pytest.mark.parametrize("workflow_id", EXPECTED)
def test_a_demo_workflow_answers_as_its_users_know_it(site: Site, workflow_id: str) -> None:
    outputs, nodes, spans = EXPECTED[workflow_id]
    done = site.execute(workflow_id, input={})

    assert done["status"] == "completed"
    assert timeless(done["outputs"]) == outputs
    assert done["nodesExecuted"] == nodes
    assert sorted(span["name"] for span in done["spans"]) == sorted(spans)
    assert done["spans"][-1]["name"] == ROOT
    assert len({span["traceId"] for span in done["spans"]}) == 1


@pytest.mark.parametrize("workflow_id", ["simple-math-workflow", "parallel-workflow"])
def test_an_answer_has_the_recorded_keys_and_spans(site: Site, workflow_id: str) -> None:
    recorded = json.loads((RECORDED / f"{workflow_id}.json").read_text())
    done = site.execute(workflow_id)

    assert set(done) == set(recorded)
    assert sorted(map(shape, done["spans"]), key=str) == sorted(map(shape, recorded["spans"]), key=str)


def shape(span: dict[str, Any]) -> tuple[Any, ...]:
    return span["name"], span["kind"], list(span), list(span["attributes"]), span["status"]


def test_a_failure_is_told_as_one(site: Site) -> None:
    done = site.execute("error-demo")
    kept = site.execution(done["executionId"])
    failed = kept["nodeDetails"]["will-fail"]

    assert done["status"] == kept["status"] == "failed"
    assert (done["error"]["message"], done["error"]["nodeId"]) == ("Division by zero", "will-fail")
    assert done["outputs"] == kept["outputs"] == {"start": {"result": 10}}
    assert done["nodesExecuted"] == ["start", "will-fail"]
    assert (failed["status"], failed["error"]["message"]) == ("failed", "Division by zero")
    assert "never-reached" not in kept["nodeDetails"]
    assert done["spans"][-1]["status"] == {"code": "ERROR", "message": "Division by zero"}
    assert [event["type"] for event in logged(site, done["executionId"])][-2:] == [
        "node.failed",
        "workflow.failed",
    ]


def test_the_log_tells_each_event_once(site: Site) -> None:
    done = site.execute("parallel-workflow")
    log = logged(site, done["executionId"])
    told = [(event["type"], event.get("nodeId")) for event in log]

    assert [event["seq"] for event in log] == list(range(1, len(log) + 1))
    assert len(set(told)) == len(told)
    assert told[:2] == [("workflow.queued", None), ("workflow.started", None)]
    assert told[-1] == ("workflow.completed", None)
    assert all(list(event)[:4] == ["type", "workflowId", "executionId", "seq"] for event in log)
    started = [event["nodeId"] for event in log if event["type"] == "node.started"]
    assert started == done["nodesExecuted"] == log[-1]["nodesExecuted"]
    assert [event["nodeIndex"] for event in log if event["type"] == "node.started"] == [0, 1, 2, 3, 4]


def test_an_execution_does_not_start_before_it_is_queued(site: Site) -> None:
    for _ in range(5):
        kept = site.execution(site.execute("simple-math-workflow")["executionId"])
        assert kept["queuedAt"] <= kept["startTime"] <= kept["endTime"]
