from __future__ import annotations

import json
import re
from typing import Any

from executions.telemetry import span_id_of, spans
from tests.telemetry.rows import ROOT, TRACE, a_run, an_execution, at


def test_the_root_comes_last_and_children_before_their_parents() -> None:
    found = spans(an_execution(), _a_parallel_of_two())
    ids = [span["spanId"] for span in found]
    assert found[-1]["spanId"] == ROOT
    for place, span in enumerate(found[:-1]):
        assert ids.index(span["parentSpanId"]) > place


def test_spans_come_in_the_order_in_which_they_ended_not_in_which_they_started() -> None:
    runs = [a_run(0, "slow", ended_at=at(90), ended_seq=9), a_run(1, "quick", ended_at=at(20), ended_seq=5)]
    assert [span["attributes"].get("node.id") for span in spans(an_execution(), runs)] == [
        "quick",
        "slow",
        None,
    ]


def test_what_ended_in_one_moment_keeps_the_order_of_the_log() -> None:
    runs = [a_run(0, "second", ended_at=at(20), ended_seq=8), a_run(1, "first", ended_at=at(20), ended_seq=7)]
    named = [span["attributes"].get("node.id") for span in spans(an_execution(), runs)]
    assert named == ["first", "second", None]


def test_each_attempt_has_a_span_of_its_own() -> None:
    past = {
        "attempt": 1,
        "outcome": "retrying",
        "startTime": at(0).isoformat(),
        "endTime": at(3).isoformat(),
        "error": {"name": "ValueError", "message": "not yet", "stack": "secret paths"},
    }
    run = a_run(0, attempt=2, attempts=[past], started_at=at(0), attempt_at=at(10), ended_at=at(20))
    first, second, _ = spans(an_execution(), [run])
    assert (first["startTime"], first["duration"], second["duration"]) == (1795232973000, 3, 10)
    assert first["status"] == {"code": "ERROR", "message": "not yet"}
    assert first["attributes"]["node.status"] == "failed"
    assert "node.attempt" not in first["attributes"]
    assert "procedure.output" not in first["attributes"]
    assert (second["status"], second["attributes"]["node.attempt"]) == ({"code": "OK"}, 2)
    assert first["spanId"] != second["spanId"]


def test_an_attempt_that_was_given_up_before_its_turn_has_no_span() -> None:
    past: dict[str, Any] = {"attempt": 1, "outcome": "retrying", "startTime": at(0).isoformat()}
    past |= {"endTime": at(3).isoformat(), "error": {"name": "ValueError", "message": "not yet"}}
    run = a_run(0, attempt=2, attempts=[past], started_at=at(0.7), attempt_at=at(0.7), status="cancelled")
    assert [span["duration"] for span in spans(an_execution(), [run])] == [3, 100]


def test_a_failure_is_told_with_its_exception_and_without_its_stack() -> None:
    error = {"name": "ZeroDivisionError", "message": "Division by zero", "nodeId": "a", "stack": "File …"}
    run = a_run(0, status="failed", output=None, error=error)
    node, root = spans(an_execution(status="failed", error=error), [run])
    for span in (node, root):
        assert span["status"] == {"code": "ERROR", "message": "Division by zero"}
        assert span["events"] == [
            {
                "name": "exception",
                "timestamp": span["endTime"],
                "attributes": {
                    "exception.type": "ZeroDivisionError",
                    "exception.message": "Division by zero",
                },
            }
        ]
    assert node["attributes"]["node.error"] == root["attributes"]["workflow.error"] == "Division by zero"
    assert "File" not in str([node, root])


def test_a_cancelled_span_is_neither_ok_nor_an_error() -> None:
    node, root = spans(an_execution(status="cancelled"), [a_run(0, status="cancelled", output=None)])
    assert node["status"] == root["status"] == {"code": "UNSET"}
    assert (node["attributes"]["node.status"], root["attributes"]["workflow.status"]) == ("cancelled",) * 2


def test_only_ended_spans_are_told_unless_the_open_ones_are_asked_for() -> None:
    execution = an_execution(status="running", ended_at=None)
    runs = [a_run(0), a_run(1, "b", status="running", ended_at=None, output=None, ended_seq=None)]
    assert [span["attributes"]["node.id"] for span in spans(execution, runs)] == ["a"]
    _, open_node, root = spans(execution, runs, unfinished=True)
    assert (open_node["endTime"], open_node["duration"], root["endTime"]) == (None, None, None)
    assert "workflow.nodes_executed_total" not in root["attributes"]


def test_a_branch_is_open_until_each_of_its_runs_has_ended() -> None:
    scope = a_run(0, "fork", kind="parallel", status="running", ended_at=None, ended_seq=None)
    runs = [scope, a_run(1, "x", scope=0, branch=0), a_run(2, "y", scope=0, branch=1, status="pending")]
    runs[2].started_at = runs[2].ended_at = None
    found = spans(an_execution(status="running", ended_at=None), runs)
    assert [span["name"] for span in found] == ["workflow.node.procedure", "workflow.parallel.branch"]
    runs[1].ended_at = None
    assert spans(an_execution(status="running", ended_at=None), runs) == []


def test_a_run_that_never_started_has_no_span() -> None:
    run = a_run(0, status="skipped", started_at=None, output=None)
    assert [span["name"] for span in spans(an_execution(), [run])] == ["workflow.execute"]


def test_an_adopted_result_was_made_in_another_trace() -> None:
    assert [span["name"] for span in spans(an_execution(), [a_run(0, adopted_from="other")])] == [
        "workflow.execute"
    ]


def test_an_execution_cancelled_in_the_queue_spans_its_wait() -> None:
    (root,) = spans(an_execution(status="cancelled", started_at=None), [])
    assert root["duration"] == 100
    assert "workflow.current_node" not in root["attributes"]


def test_a_condition_tells_its_expression_and_the_way_it_took() -> None:
    config = {"expression": "a > 1", "trueBranch": "yes", "falseBranch": "no"}
    execution = an_execution(nodes=[{"id": "a", "type": "condition", "config": config}])
    run = a_run(0, kind="condition", procedure="", input=None, output=None, next_node_id="no")
    told = spans(execution, [run])[0]["attributes"]
    assert told["condition.expression"] == "a > 1"
    assert (told["condition.result"], told["condition.branch_taken"]) == (False, "no")


def test_a_condition_tells_the_variables_that_it_had_before_it() -> None:
    config = {"expression": "a", "trueBranch": "x", "falseBranch": "x"}
    execution = an_execution(nodes=[{"id": "ask", "config": config}], input={"b": 2})
    execution.version.definition["variables"] = {"a": 1, "b": 1}
    condition: dict[str, Any] = {"kind": "condition", "procedure": "", "input": None, "output": None}
    runs = [
        a_run(0, "first", output={"c": 3}),
        a_run(1, "fork", kind="parallel", output=None),
        a_run(2, "left", scope=1, branch=0, output={"left": 1, "c": "l"}),
        a_run(3, "right", scope=1, branch=1, output={"right": 1, "c": "r"}),
        a_run(4, "ask", scope=1, branch=1, **condition),
        a_run(5, "ask", **condition),
    ]
    inside, after = (
        json.loads(span["attributes"]["condition.variables"])
        for span in spans(execution, runs)
        if span["name"] == "workflow.node.condition"
    )
    assert inside == {"a": 1, "b": 2, "c": "r", "right": 1}
    assert after == {"a": 1, "b": 2, "c": "r", "left": 1, "right": 1}


def test_a_large_output_is_left_to_the_execution() -> None:
    told = spans(an_execution(), [a_run(0, output={"text": "x" * 20_000})])[0]["attributes"]
    assert "procedure.output" not in told
    assert told["procedure.output_truncated"] is True
    assert told["procedure.output_keys"] == "text"


def test_fields_are_told_in_the_order_in_which_the_procedure_declares_them() -> None:
    output = {"tier": "basic", "userId": "u", "fetchedAt": "now", "isPremium": False, "extra": 1}
    run = a_run(0, procedure="data.fetch", input={"a": 1, "userId": "u"}, output=output)
    told = spans(an_execution(), [run])[0]["attributes"]
    assert told["procedure.output_keys"] == "userId,isPremium,tier,fetchedAt,extra"
    assert told["procedure.input"] == '{"userId":"u","a":1}'


def test_the_callers_span_is_the_roots_parent() -> None:
    (root,) = spans(an_execution(parent_span_id="00f067aa0ba902b7"), [])
    assert root["parentSpanId"] == "00f067aa0ba902b7"


def test_spans_of_user_code_come_before_the_attempt_that_they_are_part_of() -> None:
    mine = {
        "spanId": "00000000000000aa",
        "traceId": TRACE,
        "parentSpanId": span_id_of(TRACE, 0, 1),
        "name": "SELECT",
        "kind": "CLIENT",
        "startTime": 1795232973001,
        "endTime": 1795232973002,
        "duration": 1,
        "status": {"code": "UNSET"},
        "attributes": {"rows": 3},
        "events": [{"name": "cached", "timestamp": 1795232973002, "attributes": {}}],
    }
    first, second, _ = spans(an_execution(), [a_run(0, spans=[mine])])
    assert first == mine
    assert second["spanId"] == mine["parentSpanId"]


def test_span_ids_are_the_same_whoever_asks_and_differ_between_attempts() -> None:
    ids = [span_id_of(TRACE, *place) for place in [(0, 1), (0, 2), (1, 1), (1, 0, 1), (10, 1), (1, 0, 0)]]
    assert len(set(ids)) == 6
    assert all(re.fullmatch("[0-9a-f]{16}", one) for one in ids)
    assert span_id_of(TRACE, 0, 1) == ids[0]
    assert span_id_of("0" * 32, 0, 1) != ids[0]


def _a_parallel_of_two() -> list[Any]:
    inner = [
        a_run(2, "x", scope=1, branch=0),
        a_run(3, "nested", kind="parallel", scope=1, branch=1, ended_at=at(45), ended_seq=15),
        a_run(4, "z", scope=3, branch=0),
    ]
    outer = a_run(1, "fork", kind="parallel", ended_at=at(45), ended_seq=16)
    return [a_run(0), outer, *inner]
