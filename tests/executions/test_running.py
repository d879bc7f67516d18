"""Executions on a real executor and a real database: what runs, in which order, and what is told of it."""

from __future__ import annotations

from typing import Any

import pytest

from executions import operations
from tests.executions.build import delay, fork, node, scripted, step
from tests.executions.engine import ended, is_called, open_gate, run, start

pytestmark = pytest.mark.usefixtures("executor")

ONCE_MORE = {"maxAttempts": 2, "initialInterval": 0.01, "jitter": 0}


def test_one_node_after_the_other_and_the_log_tells_each_step() -> None:
    found = run(step("a", "b", output=1), step("b", output={"x": 2}))
    assert found.outputs == {"a": 1, "b": {"x": 2}}
    assert found.types == [
        *("workflow.queued", "workflow.started", "node.started", "node.completed"),
        *("node.started", "node.completed", "workflow.completed"),
    ]
    assert [event.seq for event in found.events] == list(range(1, 8))
    assert found.row.last_seq == 7
    assert found.told("node.completed", "a")[0]["nextNodeId"] == "b"
    assert found.told("workflow.completed")[0]["nodesExecuted"] == ["a", "b"]


@pytest.mark.parametrize(
    ("workflow", "input", "outputs"),
    [
        ("simple-math-workflow", {}, {"add": 15, "multiply": 6, "subtract": 12}),
        ("simple-math-workflow", {"a": 1, "b": 2}, {"add": 3, "multiply": 2, "subtract": -1}),
    ],
)
def test_the_demo_of_sums_gives_its_sums(workflow: str, input: dict[str, Any], outputs: Any) -> None:
    found = ended(operations.start(workflow, input=input).id)
    assert {name: output["result"] for name, output in found.outputs.items()} == outputs


@pytest.mark.parametrize("workflow", ["data-processing-workflow", "parallel-workflow", "logging-workflow"])
def test_the_short_demos_complete(workflow: str) -> None:
    assert ended(operations.start(workflow).id).status == "completed"


def test_the_demo_of_an_error_ends_as_its_definition_says() -> None:
    found = ended(operations.start("error-demo").id)
    assert found.status in ("completed", "failed")
    assert "failed" in found.statuses.values()


def test_conditions_and_switches_lead_on_and_what_is_not_reached_has_no_row() -> None:
    found = run(
        node("condition", "c", config={"expression": "n === 2", "trueBranch": "s", "falseBranch": "x"}),
        node("switch", "s", config={"cases": [{"when": "n > 5", "next": "x"}], "default": "a"}),
        step("a"),
        step("x"),
        input={"n": 2},
    )
    assert list(found.statuses) == ["c", "s", "a"]
    assert "x" not in {event.data.get("nodeId") for event in found.events}


def test_branches_run_at_once_and_are_joined() -> None:
    """Each waits until the other has begun."""
    execution = start(
        fork("f", ["a", "b"], "end"),
        scripted("hang", "a", config={"gate": "both", "output": {"a": 1}}),
        scripted("ahang", "b", config={"gate": "both", "output": {"b": 2}}),
        step("end", output={"sum": "${{ vars.a + vars.b }}"}),
    )
    is_called(execution, "a")
    is_called(execution, "b")
    open_gate("both")
    found = ended(execution)
    assert found.outputs["end"] == {"sum": 3}
    assert {data["path"] for data in found.told("node.started") if "path" in data} == {"f/0", "f/1"}


def test_the_first_branch_wins_and_the_others_are_stopped() -> None:
    found = run(
        fork("f", ["a", "b", "c"], "end", join={"policy": "any"}),
        scripted("hang", "a"),
        scripted("ahang", "b"),
        step("c", output={"winner": "c"}),
        step("end", output={"won": "${{ vars.winner }}"}),
    )
    assert found.outputs["end"] == {"won": "c"}
    assert found.statuses == {
        "f": "completed",
        "a": "cancelled",
        "b": "cancelled",
        "c": "completed",
        "end": "completed",
    }


@pytest.mark.parametrize("name", ["fail", "afail"])
def test_a_node_is_tried_as_often_as_its_policy_says(name: str) -> None:
    retry = {"maxAttempts": 3, "initialInterval": 0.01, "jitter": 0}
    config = {"times": 2, "output": {"x": 1}}
    found = run(scripted(name, "a", config=config, retry=retry))
    assert (found.status, found.of("a").attempt, found.calls("a")) == ("completed", 3, 3)
    assert found.types.count("node.retrying") == 2
    assert [past["outcome"] for past in found.of("a").attempts] == ["failed", "failed"]


def test_what_is_not_to_be_retried_is_not() -> None:
    retry = {"maxAttempts": 5, "initialInterval": 0.01}
    assert run(scripted("fail", "a", config={"error": "NonRetryable"}, retry=retry)).calls("a") == 1
    narrow = {**retry, "retryOn": ["TimeoutError"]}
    assert run(scripted("fail", "a", config={"error": "ValueError"}, retry=narrow)).calls("a") == 1


def test_a_procedure_may_ask_to_be_tried_again() -> None:
    found = run(scripted("retry", "a", config={"times": 2, "after": 0.01, "output": "at last"}))
    assert found.outputs == {"a": "at last"}
    assert found.calls("a") == 3


@pytest.mark.parametrize("name", ["hang", "ahang"])
@pytest.mark.parametrize("stubborn", [False, True])
def test_an_attempt_that_takes_too_long_fails_and_may_be_tried_again(name: str, stubborn: bool) -> None:
    config = {"times": 1, "output": {"x": 1}, "stubborn": stubborn, "gate": f"{name} {stubborn}"}
    found = run(scripted(name, "a", config=config, timeout=0.1, retry=ONCE_MORE))
    open_gate(f"{name} {stubborn}")
    assert found.outputs == {"a": {"x": 1}}
    assert found.of("a").attempts[0]["error"]["name"] == "TimeoutError"


def test_a_failure_that_a_handler_catches_does_not_fail_the_execution() -> None:
    told = {"error": "${{ error.name + ': ' + error.message }}"}
    found = run(scripted("fail", "a", onError="h", config={"error": "ValueError"}), step("h", output=told))
    assert (found.status, found.statuses) == ("completed", {"a": "failed", "h": "completed"})
    assert found.outputs["h"] == {"error": "ValueError: as told"}


def test_a_failure_fails_the_execution_with_its_name_place_and_stack() -> None:
    found = run(scripted("fail", "a", config={"error": "KeyError", "message": "no such thing"}))
    assert found.status == "failed"
    assert found.error is not None
    assert (found.error["name"], found.error["nodeId"]) == ("KeyError", "a")
    assert "procedures.py" in found.error["stack"]
    assert "stack" not in str([event.data for event in found.events])
    assert found.told("workflow.failed")[0]["errorInfo"]["nodeId"] == "a"


def test_a_procedure_may_be_wrong_about_its_input_in_so_many_words() -> None:
    found = run(node("procedure", "a", procedureName="math.add", config={"a": "one"}))
    assert found.error is not None
    assert found.error["name"] == "InvalidInput"
    assert "a" in found.error["message"] and "b" in found.error["message"]


def test_a_delay_sleeps_in_the_database() -> None:
    found = run(delay("d", 0.2, "a"), step("a"))
    assert found.status == "completed"
    assert found.outputs["d"]["seconds"] >= 0.2
    assert found.types.count("workflow.waiting") == found.types.count("workflow.resumed") == 1


def test_progress_is_told_in_order_while_it_runs() -> None:
    found = run(scripted("progress", "a", config={"fractions": [0.25, 0.5, 2]}))
    told = [(data["progress"], data["message"]) for data in found.told("node.progress")]
    assert told == sorted(told, key=lambda each: each[0])
    assert set(told) <= {(0.25, "25%"), (0.5, "50%"), (1.0, "200%")}
    assert told[-1] == (1.0, "200%")


@pytest.mark.parametrize("name", ["fail", "afail"])
def test_who_would_end_the_interpreter_ends_its_own_node_only(name: str) -> None:
    found = run(scripted(name, "a", config={"error": "SystemExit"}))
    assert found.error is not None
    assert found.error["name"] == "SystemExit"
    assert run(step("a")).status == "completed"


def test_user_code_that_uses_the_database_leaves_no_connection_behind() -> None:
    found = run(scripted("ok", "a", "b"), scripted("query", "b", "c"), scripted("aquery", "c"))
    assert (found.outputs["b"], found.outputs["c"]) == ({"calls": 1, "names": 1}, {"calls": 1})


def test_an_inline_definition_runs_and_is_in_no_list() -> None:
    found = run(step("a"))
    assert found.row.version.workflow_id is None
    assert found.row.version.number == 0


def test_secrets_are_in_no_row_and_no_event() -> None:
    execution = start(scripted("login", "a", config={"user": "ann", "password": "open sesame"}))
    found = ended(execution)
    assert found.outputs["a"] == {"welcome": "ann", "length": 11}
    assert "sesame" not in str([run.input for run in found.runs])
    assert "sesame" not in str([event.data for event in found.events])


def test_outputs_too_large_for_an_event_are_kept_with_the_run() -> None:
    found = run(step("a", output="x" * 20_000))
    assert found.outputs["a"] == "x" * 20_000
    assert found.told("node.completed")[0]["outputTruncated"] is True
