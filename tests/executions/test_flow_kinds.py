"""Waits, maps, loops, dags, sub-workflows and compensation, one rule at a time."""

from __future__ import annotations

from copy import deepcopy
from functools import partial
from typing import Any

import pytest

from executions.adoption import adopted
from executions.flow import advance, values
from executions.flow.outcomes import Called, Failed, Stopped
from executions.flow.plan import Word
from executions.testing.rows import Rows
from executions.transitions import Transition
from tests.executions.build import Small, node, step
from tests.executions.world import World, check_log

BOOM = Failed("Boom", "as told")
ITEM = {"item": "${{ item }}", "index": "${{ index }}"}


def wait(id: str, next: str | None = None, **config: Any) -> dict[str, Any]:
    return node("wait", id, next, config=config)


def each(id: str, items: Any, branch: str, next: str | None = None, **config: Any) -> dict[str, Any]:
    return node("map", id, next, config={"items": items, "branch": branch, **config})


def hear(world: Small, kind: str, payload: dict[str, Any], id: int = 1, by: str = "ann") -> None:
    word = Word(id, kind, payload, by)
    world.step(lambda plan: advance.hear(world.flow, plan, word, world.random))


def output(world: Small, node_id: str) -> Any:
    return world.run_of(node_id).output


# Waits


def test_a_signal_moves_on_what_waits_for_it() -> None:
    world = Small(wait("w", "b", signal="go"), step("b"))
    assert (world.rows.status, world.run_of("w").awaits) == ("waiting", "signal:go")
    hear(world, "signal", {"name": "go", "payload": {"n": 1}})
    assert output(world, "w")["payload"] == {"n": 1}
    assert output(world, "w")["by"] == "ann"
    assert world.in_flight == ["b"]
    assert world.types()[-4:] == ["workflow.waiting", "workflow.resumed", "node.completed", "node.started"]


def test_a_signal_that_comes_first_is_kept_for_whoever_waits_first() -> None:
    world = Small(step("a", "w"), wait("w", "v", signal="go"), wait("v", signal="go"))
    hear(world, "signal", {"name": "go", "payload": 1}, id=7)
    hear(world, "signal", {"name": "go", "payload": 2}, id=8)
    world.ends("a")
    assert (output(world, "w")["payload"], output(world, "v")["payload"]) == (1, 2)
    assert world.rows.status == "completed"
    check_log(world.rows)


def test_a_wait_that_takes_too_long_fails_and_can_be_handled() -> None:
    world = Small(
        {**wait("w", signal="go", timeout=60), "onError": "h"},
        step("h", output={"late": "${{ error.name }}"}),
    )
    world.wait(60)
    world.ends("h")
    assert output(world, "h") == {"late": "TimeoutError"}
    assert world.rows.status == "completed"


def test_an_approval_says_yes_or_no() -> None:
    for decision, status in (("approved", "completed"), ("refused", "failed")):
        world = Small(wait("w", approval={"users": ["ann"], "message": "pay?"}))
        assert world.run_of("w").input == {"users": ["ann"], "groups": [], "message": "pay?"}
        hear(world, "decide", {"run": 0, "decision": decision, "comment": "ok"})
        assert (world.run_of("w").status, world.rows.status) == (status, status)
    assert world.rows.error["name"] == "Refused"


def test_an_event_is_taken_once() -> None:
    world = Small(
        node("wait", "w", "v", config={"event": "paid"}, key="input.order"),
        wait("v", event="paid"),
        input={"order": 5},
    )
    assert world.run_of("w").awaits == "event:paid:5"
    told = {"run": 0, "eventId": 3, "name": "paid", "key": "5", "payload": {"sum": 1}, "at": "now"}
    hear(world, "event", told)
    hear(world, "event", told)
    assert output(world, "w")["payload"] == {"sum": 1}
    assert world.run_of("v").status == "waiting"


def test_an_event_reaches_all_that_wait_for_it() -> None:
    world = Small(each("m", ["x", "y"], "w"), wait("w", event="paid"))
    for run in (1, 2):
        hear(
            world, "event", {"run": run, "eventId": 3, "name": "paid", "key": "", "payload": {}, "at": "now"}
        )
    assert world.rows.status == "completed"


def test_a_second_signal_is_kept_where_the_first_one_comes_between_two_transitions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(advance, "INLINE_LIMIT", 1)
    world = Small(wait("w", "v", signal="go"), wait("v", signal="go"), begin=False)
    world.take_up()
    words = [Word(id, "signal", {"name": "go", "payload": id}, "ann") for id in (1, 2)]
    world.step(*[partial(advance.hear, world.flow, word=word, random=world.random) for word in words])
    while world.left:
        world.step()
    assert (output(world, "w")["payload"], output(world, "v")["payload"]) == (1, 2)


@pytest.mark.parametrize("late", [False, True])
def test_a_paused_wait_takes_its_signal_until_its_time_is_up(late: bool) -> None:
    world = Small(wait("w", signal="go", timeout=60))
    world.command("pause")
    world.wait(61 if late else 59)
    hear(world, "signal", {"name": "go", "payload": 1})
    assert world.run_of("w").status == ("waiting" if late else "completed")
    world.command("resume")
    assert world.rows.status == ("failed" if late else "completed")
    assert (world.rows.error or {}).get("name") == ("TimeoutError" if late else None)


@pytest.mark.parametrize(("decision", "status"), [("approved", "completed"), ("refused", "failed")])
def test_a_paused_execution_ends_when_it_is_resumed(decision: str, status: str) -> None:
    """A word may come to it meanwhile, and leave nothing to be done; a crash between changes nothing."""
    undone = step("a", "w", compensate="u")
    world = Small(undone, wait("w", approval={"users": ["ann"]}), step("u"))
    world.ends("a")
    world.command("pause")
    hear(world, "decide", {"run": 1, "decision": decision})
    assert (world.rows.status, world.in_flight) == ("paused", [])
    world.take_up()
    assert world.rows.status == "paused"
    world.command("resume")
    if status == "failed":
        world.ends("u")
    assert world.rows.status == status
    check_log(world.rows)


# Maps


def test_a_map_runs_its_body_once_for_each_item_and_gives_the_results_in_order() -> None:
    world = Small(
        each("m", [3, 4, 5], "b", "end", concurrency=2),
        step("b", output=ITEM),
        step("end", output={"all": "${{ nodes.m.output.results }}"}),
    )
    assert world.in_flight == ["b", "b"]
    while "b" in world.in_flight:
        world.ends("b")
    world.ends("end")
    assert output(world, "end")["all"] == [
        {"item": 3, "index": 0},
        {"item": 4, "index": 1},
        {"item": 5, "index": 2},
    ]
    assert output(world, "m")["completed"] == 3
    check_log(world.rows)


def test_an_item_sees_its_own_runs_and_not_its_neighbours() -> None:
    world = Small(
        each("m", [1, 2], "a"),
        step("a", "b", output={"mine": "${{ item }}"}),
        step("b", output={"got": "${{ nodes.a.output.mine }}"}),
    )
    world.ends("a", "a")
    world.ends("b", "b")
    assert [each["got"] for each in output(world, "m")["results"]] == [1, 2]


def test_a_map_over_nothing_is_done_at_once() -> None:
    world = Small(each("m", "input.none", "b"), step("b"), input={"none": []})
    assert world.rows.status == "completed"
    assert output(world, "m") == {"results": [], "completed": 0, "failed": 0}


def test_a_map_tolerates_as_many_failures_as_it_says() -> None:
    world = Small(each("m", [1, 2, 3], "b", tolerate=1), step("b", output=ITEM))
    world.ends("b", outcome=BOOM)
    world.ends("b", "b")
    assert output(world, "m")["results"][0] is None
    assert world.rows.status == "completed"
    world = Small(each("m", [1, 2, 3], "b", concurrency=1), step("b", output=ITEM))
    world.ends("b", outcome=BOOM)
    assert (world.rows.status, len(world.rows.runs)) == ("failed", 2)


def test_a_map_that_gathers_too_much_fails_instead_of_being_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "LARGEST", 50)
    world = Small(each("m", [1, 2], "b"), step("b", output="x" * 30))
    world.ends("b", "b")
    assert world.rows.error["name"] == "LimitExceeded"


# Loops


def test_a_loop_goes_on_while_its_test_holds_and_each_round_finds_what_the_last_one_left() -> None:
    body = step("b", output={"n": "${{ vars.n + 1 }}"})
    world = Small(
        node("loop", "l", "end", config={"while": "vars.n < 3", "branch": "b"}),
        body,
        step("end"),
        variables={"n": 0},
    )
    while "b" in world.in_flight:
        world.ends("b")
    world.ends("end")
    assert output(world, "l") == {"iterations": 3}
    assert world.flow.root.vars["n"] == 3
    check_log(world.rows)


def test_until_runs_once_at_least_and_too_many_rounds_fail() -> None:
    world = Small(node("loop", "l", config={"until": "true", "branch": "b"}), step("b"))
    world.ends("b")
    assert (world.rows.status, output(world, "l")) == ("completed", {"iterations": 1})
    world = Small(node("loop", "l", config={"while": "true", "branch": "b", "limit": 2}), step("b"))
    world.ends("b")
    world.ends("b")
    assert world.rows.error["name"] == "LimitExceeded"


def test_for_each_goes_one_after_the_other() -> None:
    world = Small(
        node("loop", "l", config={"forEach": "input.names", "branch": "b", "as": "name"}),
        step("b", output={"hello": "${{ vars.name }}"}),
        input={"names": ["x", "y"]},
    )
    assert world.in_flight == ["b"]
    world.ends("b")
    world.ends("b")
    assert output(world, "l") == {"iterations": 2, "results": [{"hello": "x"}, {"hello": "y"}]}


# Dags


def dag(policy: str = "finish") -> Small:
    tasks = [
        {"node": "a"},
        {"node": "b"},
        {"node": "c", "dependsOn": ["a"]},
        {"node": "d", "dependsOn": ["b", "c"]},
    ]
    return Small(
        node("dag", "g", config={"tasks": tasks, "onFailure": policy}),
        step("a"),
        step("b"),
        step("c", output={"c": "${{ vars.v_a }}"}),
        step("d", output={"d": "${{ vars.v_b + vars.c }}"}),
    )


def test_a_task_runs_when_all_it_depends_on_has_completed_and_finds_their_results() -> None:
    world = dag()
    assert world.in_flight == ["a", "b"]
    world.ends("a")
    assert world.in_flight == ["b", "c"]
    world.ends("b", "c")
    world.ends("d")
    assert output(world, "d") == {"d": "ba"}
    assert output(world, "g") == {"tasks": dict.fromkeys("abcd", "completed")}
    assert world.flow.root.vars["d"] == "ba"


def test_a_failed_task_skips_what_depends_on_it_and_the_rest_runs_on() -> None:
    world = dag()
    world.ends("a", outcome=BOOM)
    assert world.run_of("c").status == "skipped"
    assert world.in_flight == ["b"]
    world.ends("b")
    assert (world.run_of("d").status, world.rows.status) == ("skipped", "failed")
    check_log_with_skipped(world)


def test_a_dag_may_stop_at_once_or_complete_all_the_same() -> None:
    world = dag("stop")
    world.ends("a", outcome=BOOM)
    assert len(world.stopping) == 1
    world = dag("continue")
    world.ends("a", outcome=BOOM)
    world.ends("b")
    assert world.rows.status == "completed"
    assert output(world, "g") == {"tasks": {"a": "failed", "b": "completed", "c": "skipped", "d": "skipped"}}


def check_log_with_skipped(world: Small) -> None:
    seqs = [event["seq"] for event in world.rows.events]
    assert seqs == list(range(1, len(seqs) + 1))
    assert world.rows.events[-1]["data"]["nodesExecuted"] == ["g", "a", "b"]


# Sub-workflows


def called(world: Small, child: str = "kid") -> None:
    (index,) = world.launched
    del world.launched[index]
    stored = Called(child, Transition(child, 0, 0, 1, created={}))
    world.step(lambda plan: advance.ended(world.flow, plan, world.flow.runs[index], stored, world.random))


def child(world: Small, status: str = "completed", **told: Any) -> None:
    payload = {
        "run": 0,
        "executionId": "kid",
        "status": status,
        "outputs": {"x": {"n": 1}},
        "error": None,
        **told,
    }
    hear(world, "child", payload)


def test_a_parent_waits_for_its_child_and_has_its_outputs() -> None:
    world = Small(node("subworkflow", "s", config={"workflowId": "other", "mergeOutputs": True}))
    called(world)
    assert (world.rows.status, world.run_of("s").awaits) == ("waiting", "child:kid")
    child(world)
    assert output(world, "s") == {"executionId": "kid", "status": "completed", "outputs": {"x": {"n": 1}}}
    assert world.flow.root.vars["x"] == {"n": 1}


def test_a_cancelled_parent_tells_its_child_and_waits_for_its_end() -> None:
    world = Small(node("subworkflow", "s", config={"workflowId": "other"}))
    called(world)
    world.command("cancel", reason="enough")
    assert world.rows.status == "cancelling"
    child(world, "cancelled")
    assert world.rows.status == "cancelled"
    check_log(world.rows)


def test_a_child_that_fails_fails_its_node_and_may_be_tried_again() -> None:
    world = Small(
        node("subworkflow", "s", config={"workflowId": "other"}, retry={"maxAttempts": 2, "jitter": 0})
    )
    called(world)
    child(world, "failed", error={"name": "Boom", "message": "no"})
    assert world.run_of("s").status == "retrying"
    world.wait(1)
    called(world, "kid2")
    child(world, "failed", executionId="kid2", error={"name": "Boom", "message": "no"})
    assert world.rows.error["name"] == "ChildFailed"


# Compensation


def test_what_completed_is_undone_the_last_first_and_the_first_failure_is_told() -> None:
    world = Small(
        step("a", "b", compensate="ua"),
        step("b", "c", compensate="ub"),
        step("c"),
        step("ua", output={"undo": "${{ item.v_a }}", "why": "${{ error.name }}"}),
        step("ub"),
    )
    world.ends("a")
    world.ends("b")
    world.ends("c", outcome=BOOM)
    assert (world.rows.status, world.in_flight) == ("running", ["ub"])
    world.ends("ub")
    assert world.in_flight == ["ua"]
    world.ends("ua")
    assert (world.rows.status, world.rows.error["name"]) == ("failed", "Boom")
    assert output(world, "ua") == {"undo": "a", "why": "Boom"}
    check_log(world.rows)


def test_a_cancelled_execution_is_undone_and_a_terminated_one_is_not() -> None:
    for force, last in ((False, ["undo"]), (True, [])):
        world = Small(step("a", "b", compensate="undo"), step("b"), step("undo"))
        world.ends("a")
        world.command("cancel", force=force)
        if not force:
            world.ends("b", outcome=Stopped())
        assert world.rows.status.is_terminal or world.in_flight == last
        if last:
            world.ends("undo")
        assert world.rows.status == "cancelled"


def test_what_cannot_be_undone_is_told_and_the_rest_is_undone_all_the_same() -> None:
    world = Small(
        step("a", "b", compensate="ua"), step("b", "c", compensate="ub"), step("c"), step("ua"), step("ub")
    )
    world.ends("a")
    world.ends("b")
    world.ends("c", outcome=BOOM)
    world.ends("ub", outcome=BOOM)
    world.ends("ua")
    assert world.rows.events[-1]["data"]["notCompensated"] == ["b"]


@pytest.mark.parametrize("paused", [False, True])
def test_what_rested_as_its_deadline_passed_runs_while_it_is_undone(paused: bool) -> None:
    world = Small(step("a", "w", compensate="u"), wait("w", signal="go"), step("u"))
    world.ends("a")
    if paused:
        world.command("pause")
    world.step(lambda plan: advance.expire(world.flow, plan, world.now))
    assert (world.rows.status, world.in_flight) == ("running", ["u"])
    world.ends("u")
    assert world.rows.status == "timed_out"
    check_log(world.rows)


def test_what_was_adopted_is_another_executions_to_undo() -> None:
    nodes = (
        step("a", "b", compensate="ua"),
        step("b", "c", compensate="ub"),
        step("c"),
        step("ua"),
        step("ub"),
    )
    source = Small(*nodes)
    source.ends("a")
    source.command("cancel", force=True)
    rows = Rows()
    rows.adopt(adopted("x", source.rows.runs, "source", source.story.definition))
    never_begun, retry = World(source.story, rows), World(source.story, deepcopy(rows))
    never_begun.command("cancel")
    assert never_begun.rows.status == "cancelled"
    retry.take_up()
    for outcome in (None, BOOM, None):
        index = next(iter(retry.launched))
        retry.step(retry.end(index, outcome))
    assert retry.rows.status == "failed"
    assert [run.node_id for run in retry.rows.runs] == ["a", "b", "c", "ub"]


def test_what_undoes_is_taken_up_after_a_crash_also_where_it_was_paused_before() -> None:
    retried = step("u", retry={"maxAttempts": 2, "initialInterval": 10, "jitter": 0})
    world = Small(step("a", "b", compensate="u"), step("b"), retried)
    world.ends("a")
    world.command("pause")
    world.command("cancel", reason="enough")
    world.ends("b", outcome=Stopped())
    assert world.in_flight == ["u"]
    world.take_up()
    world.ends("u", outcome=BOOM)
    world.take_up()
    world.wait(10)
    world.ends("u")
    assert (world.rows.status, world.run_of("u").attempt) == ("cancelled", 3)
    check_log(world.rows)
