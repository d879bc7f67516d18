"""What the read models tell of an execution."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from executions import queries
from executions.errors import ExecutionNotFound
from tests.api import stored

pytestmark = pytest.mark.django_db


def test_an_execution_has_the_contracts_fields() -> None:
    made = stored.execution(input={"a": 1}, tags=["night"], key="order-1")
    stored.node_run(made, "add", input={"a": 10, "b": 5}, output={"result": 15})
    stored.node_run(made, "multiply", output={"result": 6})

    told = queries.execution_document(made.id)

    assert told["executionId"] == made.id
    assert told["workflowVersion"] == 1
    assert told["queuedAt"].endswith("Z") and len(told["queuedAt"]) == len("2026-11-21T09:00:01.123Z")
    assert told["executionTime"] == 72
    assert told["nodesExecuted"] == ["add", "multiply"]
    assert told["outputs"] == {"add": {"result": 15}, "multiply": {"result": 6}}
    assert told["nodeDetails"]["add"]["input"] == {"a": 10, "b": 5}
    assert told["nodeDetails"]["add"]["duration"] == 7
    assert told["tags"] == ["night"] and told["key"] == "order-1" and told["trigger"] == "manual"
    assert [span["name"] for span in told["spans"]][-1] == "workflow.execute"
    assert "error" not in told


def test_a_node_that_ran_again_shows_its_last_run_and_all_runs() -> None:
    made = stored.execution("running")
    stored.node_run(made, "add", output={"result": 1})
    stored.node_run(made, "add", "running")

    detail = queries.execution_document(made)["nodeDetails"]["add"]

    assert detail["status"] == "running"
    assert [run["status"] for run in detail["runs"]] == ["completed", "running"]


def test_a_stack_is_told_only_to_those_who_may_see_it() -> None:
    error = {"name": "ZeroDivisionError", "message": "division by zero", "nodeId": "add", "stack": "File …"}
    made = stored.execution("failed", error=error)
    stored.node_run(made, "add", "failed", error=error)

    plain, full = queries.execution_document(made), queries.execution_document(made, stack=True)

    assert "stack" not in plain["error"] and "stack" not in plain["nodeDetails"]["add"]["error"]
    assert full["error"]["stack"] == "File …"
    assert plain["outputs"] == {}


def test_outputs_of_nodes_that_have_none_are_not_told() -> None:
    made = stored.execution()
    stored.node_run(made, "check", kind="condition")
    stored.node_run(made, "note", output=None)

    assert queries.execution_document(made)["outputs"] == {"note": None}


def test_large_outputs_are_left_out_of_a_snapshot() -> None:
    made = stored.execution()
    stored.node_run(made, "add", output={"text": "x" * 20_000})
    stored.node_run(made, "multiply", output={"result": 6})

    told = queries.execution_document(made, output_limit=16 << 10)

    assert told["outputs"] == {"multiply": {"result": 6}} and told["outputsTruncated"] is True
    assert told["nodeDetails"]["add"]["outputTruncated"] is True


def test_an_unknown_execution_is_not_found() -> None:
    with pytest.raises(ExecutionNotFound):
        queries.execution_document("nobody")


def test_a_row_leaves_out_values_and_says_so() -> None:
    made = stored.execution(input={"text": "x" * 10_000})
    stored.node_run(made, "add", input={"a": 1}, output={"result": 15})
    stored.node_run(made, "multiply", output={"noise": [n * 7919 % 10_007 for n in range(5000)]})

    [row], _ = queries.execution_rows()

    assert row["spans"] == [] and row["inputTruncated"] is True and "input" not in row
    assert row["outputs"] == {"add": {"result": 15}} and row["outputsTruncated"] is True
    assert "output" not in row["nodeDetails"]["add"] and "input" not in row["nodeDetails"]["add"]


def test_a_rows_outputs_are_bounded_altogether() -> None:
    made = stored.execution()
    for number in range(10):
        stored.node_run(made, f"n{number}", output={"text": "x" * 1000})

    [row], _ = queries.execution_rows()

    assert len(row["outputs"]) == 4 and row["outputsTruncated"] is True


def test_spans_of_rows_are_told_when_asked_for() -> None:
    made = stored.execution()
    stored.node_run(made, "add", output={"result": 15})

    [row], _ = queries.execution_rows(include_spans=True)

    assert row["spans"] == queries.execution_document(made)["spans"]


@pytest.mark.parametrize("include_spans", [False, True])
def test_a_page_takes_a_constant_number_of_queries(include_spans: bool) -> None:
    def cost() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            queries.execution_rows(include_spans=include_spans)
        return len(captured)

    for _ in range(3):
        stored.node_run(stored.execution(), "add", output={"result": 1})
    queries.execution_rows()
    few = cost()
    for _ in range(30):
        stored.node_run(stored.execution(), "add", output={"result": 1})

    assert cost() == few <= 3


def test_a_row_tells_at_most_200_nodes_and_the_true_progress() -> None:
    made = stored.execution("running")
    for number in range(205):
        stored.node_run(made, f"n{number}")

    [row], _ = queries.execution_rows()

    assert len(row["nodeDetails"]) == 200 and row["nodesTruncated"] is True


def test_each_execution_is_in_exactly_one_count() -> None:
    for status in (
        "queued",
        "running",
        "cancelling",
        "waiting",
        "paused",
        "completed",
        "failed",
        "cancelled",
        "timed_out",
    ):
        stored.execution(status)

    told = queries.stats()

    assert told.pop("total") == 9 == sum(told.values())
    assert told["running"] == 2 and told["timedOut"] == 1
