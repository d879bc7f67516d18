"""Retry and rerun: new executions, of which one adopts what stands and the other begins anew."""

from __future__ import annotations

import pytest
from django.db import transaction

from executions import operations
from executions.errors import InvalidInput, NotAllowed
from tests.executions.build import document, fork, scripted, step
from tests.executions.engine import Ended, ended, is_called, open_gate, run, start
from workflows import library

pytestmark = pytest.mark.usefixtures("executor")


def test_a_retry_runs_only_what_had_not_completed() -> None:
    found = run(
        scripted("ok", "a", "f", config={"output": {"x": 1}}),
        fork("f", ["b", "c"], "end"),
        scripted("ok", "b", config={"output": {"y": 2}}),
        scripted("hang", "c", config={"gate": "retry c", "output": {"z": 3}}),
        scripted("ok", "end", config={"output": "${{ [vars.x, vars.y, vars.z] }}"}),
        timeout=0.3,
    )
    assert found.status == "timed_out"
    open_gate("retry c")
    again = ended(operations.retry(found.id, actor="ann").id)
    assert (again.status, again.row.retry_of_id) == ("completed", found.id)
    assert again.outputs["end"] == [1, 2, 3]
    assert {node: again.calls(node) for node in ("a", "b", "c", "end")} == {"a": 0, "b": 0, "c": 1, "end": 1}
    assert [run.index for run in again.runs] == list(range(len(again.runs)))
    assert {run.node_id: run.adopted_from for run in again.runs} == {
        **{"a": found.id, "b": found.id},
        **{"f": None, "c": None, "end": None},
    }
    assert [data["nodeId"] for data in again.told("node.completed") if data.get("adopted")] == ["a", "b"]


def test_the_retried_execution_stays_as_it_was() -> None:
    found = run(scripted("fail", "a"))
    operations.retry(found.id)
    after = Ended(found.id)
    assert (after.status, after.types, after.row.last_seq) == ("failed", found.types, found.row.last_seq)


def test_a_retry_goes_into_scopes_within_scopes() -> None:
    found = run(
        fork("f", ["a", "g"], "end"),
        scripted("ok", "a", config={"output": {"a": 1}}),
        fork("g", ["b", "c"], "d"),
        scripted("ok", "b", config={"output": {"b": 2}}),
        scripted("hang", "c", config={"gate": "nested", "output": {"c": 3}}),
        scripted("ok", "d", config={"output": {"d": "${{ vars.b + vars.c }}"}}),
        scripted("ok", "end", config={"output": "${{ [vars.a, vars.b, vars.c, vars.d] }}"}),
        timeout=0.3,
    )
    assert found.statuses["g"] == "cancelled"
    open_gate("nested")
    again = ended(operations.retry(found.id).id)
    assert again.outputs["end"] == [1, 2, 3, 5]
    assert {node: again.calls(node) for node in "abcd"} == {"a": 0, "b": 0, "c": 1, "d": 1}


def test_a_cancelled_execution_can_be_retried() -> None:
    execution = start(step("a", "b"), scripted("hang", "b", config={"gate": "cancelled"}))
    is_called(execution, "b")
    operations.cancel(execution)
    ended(execution)
    open_gate("cancelled")
    again = ended(operations.retry(execution).id)
    assert again.status == "completed"
    assert again.of("a").adopted_from == execution


def test_a_retry_of_a_retry_knows_whose_results_it_has() -> None:
    found = run(step("a", "b"), scripted("fail", "b"))
    once = ended(operations.retry(found.id).id)
    twice = ended(operations.retry(once.id).id)
    assert (once.status, twice.status, twice.row.retry_of_id) == ("failed", "failed", once.id)
    assert twice.of("a").adopted_from == found.id


def test_a_retry_keeps_to_the_version_and_the_tags_of_what_it_retries() -> None:
    library.publish(document(scripted("fail", "a"), id="retry-version"))
    found = ended(operations.start("retry-version", tags=["t"], priority=4, trigger="api").id)
    library.publish(document(step("a"), id="retry-version"))
    again = ended(operations.retry(found.id).id)
    assert (again.row.version_id, again.status) == (found.row.version_id, "failed")
    assert (again.row.tags, again.row.priority, again.row.trigger) == (["t"], 4, "api")
    newest = ended(operations.rerun(found.id, version="latest").id)
    assert (newest.row.version.number, newest.status) == (2, "completed")


def test_a_completed_execution_is_not_retried_but_may_be_rerun() -> None:
    found = run(scripted("ok", "a", config={"output": "${{ input.x }}"}), input={"x": 1})
    with pytest.raises(NotAllowed):
        operations.retry(found.id)
    again = ended(operations.rerun(found.id).id)
    assert (again.outputs, again.calls("a"), again.row.rerun_of_id) == ({"a": 1}, 1, found.id)


def test_a_rerun_may_have_another_input_and_it_is_checked() -> None:
    schema = {"type": "object", "properties": {"x": {"type": "integer"}}}
    found = run(step("a", output="${{ input.x }}"), input={"x": 1}, fields={"inputSchema": schema})
    assert ended(operations.rerun(found.id, input={"x": 2}).id).outputs == {"a": 2}
    with pytest.raises(InvalidInput):
        operations.rerun(found.id, input={"x": "two"})


def test_a_running_execution_may_be_rerun_beside() -> None:
    execution = start(scripted("hang", "a", config={"gate": "beside"}))
    is_called(execution, "a")
    again = operations.rerun(execution).id
    open_gate("beside")
    assert ended(execution).status == ended(again).status == "completed"


def test_a_retry_that_is_cancelled_before_it_begins_has_lost_nothing() -> None:
    found = run(scripted("ok", "a", "b", config={"output": {"x": 1}}), scripted("fail", "b"))
    with transaction.atomic():
        once = operations.retry(found.id).id
        operations.cancel(once)
    assert ended(once).status == "cancelled"
    twice = ended(operations.retry(once).id)
    assert (twice.of("a").output, twice.of("a").adopted_from, twice.calls("a")) == ({"x": 1}, found.id, 0)
