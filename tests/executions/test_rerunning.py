"""Starting again from a node, with another input, on another version: what stands, and what runs anew."""

from __future__ import annotations

from typing import Any

import pytest

from executions import operations
from executions.errors import Incompatible, InvalidInput
from executions.models import Execution
from tests.executions.build import document, fork, node, scripted, step
from tests.executions.engine import Ended, ended, has_status, is_called, open_gate, run, start
from workflows import library
from workflows.errors import WorkflowNotFound

pytestmark = pytest.mark.usefixtures("executor")


def ok(id: str, next: str | None = None, output: Any = None, **fields: Any) -> dict[str, Any]:
    return scripted("ok", id, next, config={"output": id if output is None else output}, **fields)


def again(execution_id: str, from_node: str, **options: Any) -> Ended:
    return ended(operations.rerun(execution_id, from_node=from_node, **options).id)


def calls(found: Ended, names: str) -> dict[str, int]:
    return {name: found.calls(name) for name in names}


def test_what_came_before_the_node_is_kept_and_what_followed_runs_anew() -> None:
    found = run(ok("a", "b"), ok("b", "c"), ok("c"), input={"x": 1})
    rerun = again(found.id, "b", input={"x": 2})
    assert (rerun.status, calls(rerun, "abc")) == ("completed", {"a": 0, "b": 1, "c": 1})
    assert (rerun.row.rerun_of_id, rerun.of("a").adopted_from, rerun.row.input) == (
        found.id,
        found.id,
        {"x": 2},
    )
    assert rerun.outputs == found.outputs


def test_from_the_first_node_everything_runs_anew() -> None:
    found = run(ok("a", "b"), ok("b"))
    assert calls(again(found.id, "a"), "ab") == {"a": 1, "b": 1}


def test_a_node_that_has_not_run_is_told_with_those_that_have() -> None:
    found = run(ok("a"))
    with pytest.raises(InvalidInput, match="there are: a"):
        operations.rerun(found.id, from_node="b")


def test_inside_a_scope_the_other_branches_are_kept() -> None:
    found = run(
        ok("s", "f"),
        fork("f", ["a", "b"], "end"),
        ok("a", "c", {"a": 1}),
        ok("c", output={"c": 2}),
        ok("b", output={"b": 3}),
        ok("end", output="${{ [vars.a, vars.b, vars.c] }}"),
    )
    rerun = again(found.id, "c")
    assert rerun.status == "completed" and rerun.outputs["end"] == [1, 3, 2]
    assert calls(rerun, "sacb") == {"s": 0, "a": 0, "c": 1, "b": 0} and rerun.calls("end") == 1


def test_each_item_of_a_map_runs_the_node_anew_and_one_run_alone_can_be_named() -> None:
    found = run(
        node("map", "m", "end", config={"items": [1, 2, 3], "node": "a"}),
        ok("a", "b", {"a": "${{ item }}"}),
        ok("b", output="${{ item * 10.0 }}"),
        ok("end", output='${{ nodes["m"].output.results }}'),
    )
    assert found.outputs["end"] == [10, 20, 30]
    every = again(found.id, "b")
    assert (calls(every, "ab"), every.outputs["end"]) == ({"a": 0, "b": 3}, [10, 20, 30])
    second = next(one for one in found.runs if one.node_id == "b" and one.branch == 1)
    single = again(found.id, f"{found.id}.{second.index}")
    assert (calls(single, "ab"), single.outputs["end"]) == ({"a": 0, "b": 1}, [10, 20, 30])


def test_the_rounds_of_a_loop_that_came_after_run_anew() -> None:
    found = run(
        node("loop", "l", config={"forEach": [1, 2, 3], "branch": "a"}),
        ok("a", output="${{ item }}"),
    )
    second = next(one for one in found.runs if one.node_id == "a" and one.branch == 1)
    rerun = again(found.id, f"{found.id}.{second.index}")
    assert (rerun.status, rerun.calls("a")) == ("completed", 2)
    assert rerun.of("l").output["results"] == [1, 2, 3]


def test_the_tasks_that_depend_on_the_node_run_anew_and_no_others() -> None:
    found = run(
        node(
            "dag",
            "d",
            config={
                "tasks": [
                    {"node": "a"},
                    {"node": "b", "dependsOn": ["a"]},
                    {"node": "c", "dependsOn": ["b"]},
                    {"node": "x"},
                    {"node": "y", "dependsOn": ["x"]},
                ]
            },
        ),
        *[ok(name) for name in "abcxy"],
    )
    rerun = again(found.id, "b")
    assert rerun.status == "completed"
    assert calls(rerun, "abcxy") == {"a": 0, "b": 1, "c": 1, "x": 0, "y": 0}


def test_a_node_that_was_come_to_several_times_runs_anew_from_the_first_time() -> None:
    found = run(
        ok("a", "more", {"n": "${{ has(vars.n) ? vars.n + 1.0 : 1.0 }}"}),
        node("condition", "more", config={"expression": "n < 3", "trueBranch": "a", "falseBranch": "end"}),
        ok("end", output="${{ vars.n }}"),
    )
    rerun = again(found.id, "a")
    assert (found.calls("a"), rerun.calls("a"), rerun.outputs["end"]) == (3, 3, 3)


# Retries of the new scopes


def test_a_retry_of_a_map_runs_only_the_items_that_had_not_completed() -> None:
    open_gate("good")
    found = run(
        node("map", "m", config={"items": ["good", "late", "good"], "node": "a"}),
        ok("a", "b"),
        scripted("hang", "b", config={"gate": "${{ item }}", "output": "${{ item }}"}),
        timeout=1,
    )
    assert found.status == "timed_out"
    open_gate("late")
    retried = ended(operations.retry(found.id).id)
    assert (retried.status, calls(retried, "ab")) == ("completed", {"a": 0, "b": 1})
    assert retried.of("m").output["results"] == ["good", "late", "good"]


def test_a_retry_of_a_dag_runs_what_failed_and_what_was_skipped_for_it() -> None:
    tasks = [{"node": "a"}, {"node": "b", "dependsOn": ["a"]}, {"node": "c", "dependsOn": ["b"]}]
    found = run(
        node("dag", "d", config={"tasks": tasks}),
        ok("a"),
        scripted("hang", "b", config={"gate": "task b"}, timeout=0.3),
        ok("c"),
    )
    assert (found.status, found.statuses["c"]) == ("failed", "skipped")
    open_gate("task b")
    retried = ended(operations.retry(found.id).id)
    assert (retried.status, calls(retried, "abc")) == ("completed", {"a": 0, "b": 1, "c": 1})


def test_what_was_undone_is_done_again_and_so_is_what_followed_it() -> None:
    found = run(
        ok("kept", "pay"),
        ok("pay", "note", {"paid": 1}, compensate="refund"),
        ok("note", "ship"),
        scripted("hang", "ship", config={"gate": "ship", "output": "shipped"}),
        ok("refund"),
        timeout=0.5,
    )
    assert found.status == "timed_out" and found.calls("refund") == 1
    open_gate("ship")
    retried = ended(operations.retry(found.id).id)
    assert retried.status == "completed" and retried.calls("refund") == 0
    assert {name: retried.calls(name) for name in ("kept", "pay", "note", "ship")} == {
        **{"kept": 0, "pay": 1},
        **{"note": 1, "ship": 1},
    }


def test_what_was_undone_in_a_branch_opens_its_joined_scope_again() -> None:
    found = run(
        fork("f", ["a", "b"], "end"),
        ok("a", output={"a": 1}, compensate="undo"),
        ok("b", output={"b": 2}),
        scripted("hang", "end", config={"gate": "joined", "output": "${{ [vars.a, vars.b] }}"}),
        ok("undo"),
        timeout=0.5,
    )
    open_gate("joined")
    retried = ended(operations.retry(found.id).id)
    assert retried.outputs["end"] == [1, 2]
    assert calls(retried, "ab") == {"a": 1, "b": 0}


def test_an_approval_that_was_given_is_not_asked_for_again() -> None:
    execution = start(
        node("wait", "ask", "b", config={"approval": {"message": "?"}}),
        scripted("hang", "b", config={"gate": "asked"}),
    )
    has_status(execution, "waiting")
    operations.decide(execution, "ask", "approved", comment="yes")
    is_called(execution, "b")
    operations.cancel(execution)
    ended(execution)
    open_gate("asked")
    found = ended(operations.retry(execution).id)
    assert (found.status, found.of("ask").output["comment"]) == ("completed", "yes")


# Keys


def test_the_key_goes_along_where_it_is_free() -> None:
    library.publish(document(step("a"), id="keyed"))
    first = ended(operations.start("keyed", key="k").id)
    second = operations.rerun(first.id)
    assert second.key == "k"
    ended(second.id)
    with pytest.raises(WorkflowNotFound):
        operations.rerun(first.id, version=9)


def test_a_key_that_an_active_execution_has_stays_with_it() -> None:
    library.publish(document(scripted("hang", "a", config={"gate": "keyed"}), id="held"))
    holder = operations.start("held", key="k")
    beside = operations.rerun(holder.id)
    assert (holder.key, beside.key) == ("k", None)
    open_gate("keyed")
    assert {ended(one.id).status for one in (holder, beside)} == {"completed"}


# Other versions


def test_on_another_version_what_is_adopted_must_fit() -> None:
    library.publish(document(ok("a", "b"), ok("b", "c"), ok("c"), id="reruns"))
    found = ended(operations.start("reruns").id)
    library.publish(document(ok("a", "b"), ok("b", "d"), ok("d"), id="reruns"))
    newer = again(found.id, "b", version="latest")
    assert calls(newer, "abd") == {"a": 0, "b": 1, "d": 1}
    assert newer.row.version.number == 2
    library.publish(document(ok("z", "b"), ok("b"), id="reruns"))
    with pytest.raises(Incompatible, match="'a'"):
        operations.rerun(found.id, from_node="b", version=3)
    before = Execution.objects.count()
    library.publish(document(ok("a", "e"), ok("e"), id="reruns"))
    with pytest.raises(Incompatible, match="'b'"):
        operations.rerun(found.id, from_node="b", version="latest")
    assert Execution.objects.count() == before
    assert again(found.id, "a", version="latest").status == "completed"
