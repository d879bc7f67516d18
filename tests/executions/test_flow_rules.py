"""The rules one by one, where the random worlds cannot say what is meant."""

from __future__ import annotations

import math
from typing import Any

import pytest

from executions.adoption import adopted
from executions.flow import advance
from executions.flow.outcomes import Completed, Failed, Lost, Stopped
from executions.flow.plan import Plan
from executions.states import ExecutionStatus
from executions.testing.rows import Rows
from tests.executions.build import Small, delay, fork, node, step
from tests.executions.graphs import Behaviour
from tests.executions.world import World, check_log

BOOM = Failed("Boom", "as told", stack="line 1")
TWICE = {"maxAttempts": 2, "initialInterval": 1, "jitter": 0}


# Retries


def test_lost_attempts_spend_no_retry_whether_their_executor_died_or_stopped() -> None:
    world = Small(step("a", retry=TWICE))
    world.take_up()
    orderly = Lost("stopped", counts=False)
    world.launched.clear()
    world.step(lambda plan: advance.lose(world.flow, plan, orderly, 5))
    world.take_up()
    world.ends("a", outcome=BOOM)
    assert world.run_of("a").status == "retrying"
    world.wait(1)
    world.ends("a", outcome=BOOM)
    assert world.rows.status == "failed"
    assert world.run_of("a").attempt == 4


@pytest.mark.parametrize("after", [math.inf, -math.inf, math.nan, -5, 1e300, "soon", True])
def test_a_procedure_may_ask_for_a_retry_at_no_sensible_time(after: Any) -> None:
    world = Small(step("a", retry=TWICE))
    world.ends("a", outcome=Failed("Retry", "later", asked_to_retry=True, retry_after=after))
    assert world.run_of("a").status == "retrying"
    assert world.run_of("a").available_at.year < 2127


def test_asking_for_a_retry_beats_what_the_policy_retries_on_but_not_how_often() -> None:
    world = Small(step("a", retry={**TWICE, "retryOn": ["Boom"]}))
    asked = Failed("Retry", "later", asked_to_retry=True, retry_after=3)
    world.ends("a", outcome=asked)
    assert world.told("node.retrying")[0]["retryAt"] - world.told("node.retrying")[0]["timestamp"] == 3000
    world.wait(3)
    world.ends("a", outcome=asked)
    assert world.rows.status == "failed"


def test_a_retried_run_keeps_when_it_first_started_and_what_it_tried() -> None:
    world = Small(step("a", retry=TWICE))
    first = world.run_of("a").started_at
    world.ends("a", outcome=BOOM)
    world.wait(1)
    world.ends("a")
    run = world.run_of("a")
    assert (run.started_at, run.status, run.attempt) == (first, "completed", 2)
    assert run.attempt_at > first
    assert [past["outcome"] for past in run.attempts] == ["failed"]


def test_what_kills_its_executors_fails_in_the_end_and_its_last_attempt_ends_once() -> None:
    world = Small(step("a", onError="h"), step("h"), most_lost=2)
    world.take_up()
    world.take_up()
    assert world.types("a")[-3:] == ["node.lost", "node.started", "node.failed"]
    assert world.told("node.failed")[0]["error"]["name"] == "AttemptsLost"
    assert world.in_flight == ["h"]


def test_who_ends_as_cancelled_without_being_told_to_stop_has_failed() -> None:
    world = Small(step("a", retry=TWICE))
    world.ends("a", outcome=Stopped())
    assert world.run_of("a").status == "retrying"
    world.wait(1)
    world.ends("a", outcome=Stopped())
    assert world.rows.status == "failed"
    assert world.rows.error["name"] == "Cancelled"


# Handlers


def test_a_handler_has_the_error_in_reach_and_the_failed_node_stays_failed() -> None:
    told = {"caught": "${{ error }}"}
    world = Small(step("a", onError="h", retry=TWICE), step("h", output=told))
    world.ends("a", outcome=BOOM)
    world.wait(1)
    world.ends("a", outcome=BOOM)
    world.ends("h")
    assert world.flow.root.vars["caught"] == {
        "name": "Boom",
        "message": "as told",
        "nodeId": "a",
        "attempt": 2,
    }
    assert (world.run_of("a").status, world.rows.status) == ("failed", "completed")
    assert world.told("node.failed")[0]["handledBy"] == "h"


def test_a_branch_whose_handler_comes_after_the_join_has_completed() -> None:
    world = Small(fork("f", ["a", "b"], "end"), step("a", onError="end"), step("b"), step("end"))
    world.ends("a", outcome=BOOM)
    assert world.in_flight == ["b"]
    world.ends("b")
    assert world.in_flight == ["end"]
    assert world.run_of("f").status == "completed"


def test_a_scopes_handler_catches_what_its_branches_did_not() -> None:
    world = Small(
        fork("f", ["a", "b"], "end", onError="h"), step("a"), step("b"), step("h", "end"), step("end")
    )
    world.ends("a", outcome=BOOM)
    assert world.told_to_stop() == ["b"]
    world.ends("b", outcome=Stopped())
    assert world.told("node.failed", "f")[0]["error"] == {"name": "Boom", "message": "as told", "nodeId": "a"}
    world.ends("h")
    world.ends("end")
    assert world.rows.status == "completed"


def test_cancelling_is_nothing_that_a_handler_catches() -> None:
    world = Small(step("a", onError="h"), step("h"))
    world.command("cancel", reason="enough")
    world.ends("a", outcome=BOOM)
    assert (world.run_of("a").status, world.rows.status) == ("cancelled", "cancelled")
    assert world.types("h") == []


# Joins


def test_what_is_decided_in_the_very_step_that_reaches_it_never_runs() -> None:
    """Both ends are in one step: b's next has been reached, and a's failure decides before it is launched."""
    world = Small(fork("f", ["a", "b"]), step("a"), step("b", "c"), step("c"))
    b_ends, a_ends = world.end(world.index("b")), world.end(world.index("a"), BOOM)
    launched: list[str] = []

    def reach_then_fail(plan: Plan) -> None:
        b_ends(plan)
        advance.settle(world.flow, plan)
        launched.extend(run.node.id for run in plan.launch)
        a_ends(plan)

    world.step(reach_then_fail)
    assert (launched, world.in_flight) == (["c"], [])
    assert world.types("c") == ["node.started", "node.cancelled"]
    assert world.rows.status == "failed"


def test_results_are_merged_in_the_order_in_which_the_branches_are_declared() -> None:
    world = Small(
        fork("f", ["a", "b"], "end"), step("a", output={"x": "a"}), step("b", output={"x": "b"}), step("end")
    )
    world.ends("b")
    world.ends("a")
    assert world.flow.root.vars["x"] == "b"


def test_a_result_that_comes_after_the_decision_is_dropped() -> None:
    world = Small(fork("f", ["a", "b"], join={"policy": "any"}), step("a"), step("b"))
    world.ends("a")
    world.ends("b", outcome=Completed({"late": True}))
    assert world.run_of("b").status == "cancelled"
    assert world.rows.status == "completed"
    assert world.flow.root.vars == {"v_a": "a"}


def test_a_decided_join_stays_decided_over_a_crash() -> None:
    world = Small(fork("f", ["a", "b"], "end", join={"policy": "any"}), step("a"), step("b"), step("end"))
    world.ends("a")
    world.take_up()
    assert world.run_of("b").status == "cancelled"
    assert world.in_flight == ["end"]


def test_a_failed_scope_tells_its_first_failure_also_after_a_crash() -> None:
    world = Small(fork("f", ["a", "b"]), step("a"), step("b"))
    world.ends("b", outcome=BOOM)
    world.take_up()
    assert world.rows.error["nodeId"] == "b"
    assert world.rows.error["message"] == "as told"


# Limits


def test_a_cycle_ends_at_its_limit_and_no_handler_goes_beyond() -> None:
    loop = [step("a", "b", onError="h"), step("b", "a", onError="h"), step("h", "a")]
    world = Small(*loop, limits={"nodeRuns": 5})
    while not world.is_over:
        world.ends(world.in_flight[0])
    assert world.rows.status == "failed"
    assert world.rows.error["name"] == "LimitExceeded"
    assert len(world.rows.runs) == 5


def test_the_limit_stops_what_is_in_flight_beside() -> None:
    world = Small(
        fork("f", ["a", "b"], onError="h"),
        step("a", "c"),
        step("b"),
        step("c"),
        step("h"),
        limits={"nodeRuns": 3},
    )
    world.ends("a")
    assert world.told_to_stop() == ["b"]
    world.ends("b", outcome=Stopped())
    assert world.rows.error["name"] == "LimitExceeded"
    check_log(world.rows)


def test_conditions_that_go_round_for_ever_do_so_in_short_transitions() -> None:
    turn = {"expression": "true", "trueBranch": "c", "falseBranch": "c"}
    world = Small(node("condition", "c", config=turn), begin=False)
    world.take_up()
    assert world.left, "the rest is left for the next transition"
    assert len(world.rows.runs) == advance.INLINE_LIMIT


# Pausing, cancelling, deadlines


def test_what_a_pause_held_back_starts_in_the_order_in_which_it_was_reached() -> None:
    world = Small(fork("f", ["a", "b"]), step("a", "c"), step("b", "d"), step("c"), step("d"))
    world.command("pause")
    world.ends("b")
    world.ends("a")
    assert (world.rows.status, world.in_flight) == ("paused", [])
    assert [world.run_of(one).status for one in "cd"] == ["pending", "pending"]
    world.command("resume")
    assert [data["nodeId"] for data in world.told("node.started")][-2:] == ["d", "c"]


def test_a_pause_waits_for_what_is_in_flight_and_can_be_taken_back_before() -> None:
    world = Small(step("a", "b"), step("b"))
    world.command("pause")
    assert world.rows.status == "running"
    world.command("resume")
    world.ends("a")
    assert world.in_flight == ["b"]
    assert "workflow.paused" not in world.types()


def test_a_delay_that_is_over_while_paused_goes_on_with_the_resume() -> None:
    world = Small(delay("d", 10, "a"), step("a"))
    world.command("pause")
    world.wait(20)
    assert (world.rows.status, world.run_of("d").status) == ("paused", "waiting")
    world.command("resume")
    assert world.in_flight == ["a"]


def test_an_execution_paused_while_queued_begins_with_the_resume() -> None:
    world = Small(step("a"), begin=False)
    world.command("pause")
    world.take_up()
    assert (world.rows.status, world.rows.started_at) == ("paused", None)
    world.command("resume")
    assert world.types() == [
        *("workflow.queued", "workflow.paused", "workflow.resumed", "workflow.started", "node.started")
    ]


def test_a_deadline_that_passed_in_the_queue_starts_nothing() -> None:
    world = Small(step("a"), begin=False)
    world.deadline = world.now
    world.take_up()
    assert world.types() == ["workflow.queued", "workflow.timed_out"]


def test_a_deadline_that_passed_with_the_executor_starts_nothing_again() -> None:
    world = Small(step("a"))
    world.deadline = world.now
    world.take_up()
    assert world.types("a") == ["node.started", "node.cancelled"]
    assert world.rows.status == "timed_out"


def test_the_first_word_stands() -> None:
    world = Small(step("a"))
    world.command("cancel", reason="enough")
    world.deadline = world.now
    world.step(lambda plan: advance.expire(world.flow, plan, world.deadline))
    world.ends("a", outcome=Stopped())
    assert world.rows.status == "cancelled"
    assert world.told("workflow.cancelled")[0]["reason"] == "enough"


def test_force_is_heard_by_what_is_stopping_already_and_nothing_else_is() -> None:
    world = Small(step("a"))
    plan = Plan(world.now)
    answers = [
        advance.obey(world.flow, plan, kind, payload, "")
        for kind, payload in [
            ("resume", {}),
            ("pause", {}),
            ("pause", {}),
            ("cancel", {}),
            ("cancel", {}),
            ("cancel", {"force": True}),
            ("resume", {}),
        ]
    ]
    assert answers == [False, True, False, True, False, True, False]


def test_a_result_that_comes_while_cancelling_stands() -> None:
    """So that a retry need not do the work again."""
    world = Small(step("a", "b"), step("b"))
    world.command("cancel")
    world.ends("a")
    assert (world.run_of("a").status, world.rows.status) == ("completed", "cancelled")
    assert world.types("b") == []


# Data


def test_variables_are_the_definitions_then_the_inputs_then_what_nodes_gave() -> None:
    world = Small(
        step("a", "b", output={"x": "a", "seen": "${{ vars.x }}"}),
        step("b", output={"seen": "${{ vars.x }}"}),
        variables={"x": "variable", "y": "variable"},
        input={"x": "input"},
    )
    world.ends("a")
    assert world.flow.root.vars == {"x": "a", "y": "variable", "seen": "input"}
    world.ends("b")
    assert world.flow.root.vars["seen"] == "a"


def test_what_a_contract_needs_and_config_lacks_comes_from_the_variables_and_config_wins() -> None:
    named = {"procedureName": "math.add"}
    world = Small(node("procedure", "a", config={"a": 1}, **named), input={"a": 5, "b": 6, "c": 7})
    assert world.flow.runs[0].arguments == {"a": 1, "b": 6}


def test_secrets_are_masked_in_what_is_remembered_and_come_through_to_the_attempt() -> None:
    named: dict[str, Any] = {"procedureName": "scripted.login", "config": {"user": "ann"}}
    world = Small(node("procedure", "a", **named), input={"password": "open sesame"})
    assert world.run_of("a").input == {"user": "ann", "password": "***"}
    assert world.flow.runs[0].arguments["password"] == "open sesame"
    assert "sesame" not in str(world.rows.events)


@pytest.mark.parametrize("value", ['${{ "a\\u0000b" }}', '${{ "\\u0000" + vars.text }}'])
def test_an_input_that_cannot_be_stored_fails_its_own_node(value: str) -> None:
    world = Small(step("a", "b"), step("b", output={"x": value}), input={"text": "t"})
    world.ends("a")
    assert (world.run_of("a").status, world.run_of("b").status) == ("completed", "failed")
    assert "NUL" in world.rows.error["message"]


@pytest.mark.parametrize("written", ['${{ "\\u0000" }}', "${{ nodes.a.output.missing }}", "${{ 1 / 0 }}"])
def test_outputs_that_cannot_be_made_fail_the_execution(written: str) -> None:
    world = Small(step("a"), outputs={"x": written})
    world.ends("a")
    assert (world.rows.status, world.rows.result) == ("failed", None)
    assert world.rows.error["message"].startswith("outputs: ")


def test_outputs_are_as_the_definition_names_them() -> None:
    world = Small(step("a"), outputs={"of": "${{ nodes.a.output }}", "id": "${{ execution.id }}"})
    world.ends("a")
    assert world.rows.result == {"of": {"v_a": "a"}, "id": "x"}


def test_a_failing_expression_fails_its_node_and_is_not_retried() -> None:
    world = Small(step("a", output={"x": "${{ vars.missing.member }}"}, retry=TWICE, onError="h"), step("h"))
    assert (world.run_of("a").status, world.run_of("a").attempt) == ("failed", 1)
    assert world.in_flight == ["h"]


def test_a_condition_that_cannot_be_evaluated_fails_its_node() -> None:
    config = {"expression": "1 / 0 > 1", "trueBranch": "a", "falseBranch": "a"}
    world = Small(node("condition", "c", config=config), step("a"))
    assert world.run_of("c").status == "failed"
    assert world.rows.status == "failed"


@pytest.mark.parametrize("seconds", ["${{ -1 }}", "${{ 1e12 }}", "${{ 'soon' }}", "${{ true }}"])
def test_a_delay_of_no_sensible_length_fails(seconds: str) -> None:
    assert Small(delay("d", seconds)).run_of("d").status == "failed"


def test_a_delay_until_a_time_long_gone_is_over_at_once() -> None:
    until = {"until": "${{ '0001-01-01T00:00:00+14:00' }}"}
    world = Small(node("delay", "d", config=until), begin=False)
    world.take_up()
    assert world.run_of("d").available_at is None
    assert world.rows.status == "completed"


def test_a_delay_until_the_end_of_time_fails() -> None:
    world = Small(node("delay", "d", config={"until": "9999-12-31T23:59:59-12:00"}))
    assert "a hundred years" in world.rows.error["message"]


# Size


def test_a_thousand_scopes_in_one_another_are_no_trouble() -> None:
    depth = 1000
    forks = [fork(f"f{n}", [f"f{n + 1}"] if n < depth - 1 else ["a"]) for n in range(depth)]
    world = Small(*forks, step("a"), begin=False)
    world.take_up()
    while world.left:
        world.step()
    world.take_up()
    world.ends("a")
    assert world.rows.status == "completed"
    assert world.flow.root.vars == {"v_a": "a"}


def test_cancelling_a_thousand_scopes_in_one_another_is_no_trouble() -> None:
    depth = 1000
    forks = [fork(f"f{n}", [f"f{n + 1}"] if n < depth - 1 else ["a"]) for n in range(depth)]
    world = Small(*forks, step("a"))
    while world.left:
        world.step()
    world.command("cancel")
    world.take_up()
    assert world.rows.status == "cancelled"
    assert {run.status for run in world.rows.runs} == {"cancelled"}


# Adoption


def again(world: Small, **fields: Any) -> World:
    """A retry of what has ended, not begun."""
    rows = Rows()
    rows.adopt(adopted("x", world.rows.runs, "source"))
    return World(world.story, rows)


def test_a_retry_runs_the_rest_and_numbers_are_dense() -> None:
    world = Small(step("a", "f"), fork("f", ["b", "c"], "end"), step("b"), step("c"), step("end"))
    world.ends("a")
    world.ends("b")
    world.ends("c", outcome=BOOM)
    retry = again(world)
    retry.take_up()
    assert [(run.index, run.node_id, run.status, run.adopted_from) for run in retry.rows.runs] == [
        (0, "a", "completed", "source"),
        (1, "f", "running", None),
        (2, "b", "completed", "source"),
        (3, "c", "running", None),
    ]
    retry.run_timed()
    assert retry.rows.status == "completed"
    assert retry.flow.root.vars == {"v_a": "a", "v_b": "b", "v_c": "c", "v_end": "end"}


def test_a_retry_of_what_was_cancelled_as_its_last_branch_ended_joins_at_once() -> None:
    world = Small(fork("f", ["a", "b"], "end"), step("a"), step("b"), step("end"))
    world.ends("a")
    world.command("cancel")
    world.ends("b")
    assert world.run_of("b").status == "completed"
    retry = again(world)
    retry.take_up()
    assert [retry.flow.runs[index].node.id for index in retry.launched] == ["end"]


def test_such_a_retry_can_be_cancelled_before_it_begins() -> None:
    world = Small(fork("f", ["a", "b"], "end"), step("a"), step("b"), step("end"))
    world.ends("a")
    world.command("cancel")
    world.ends("b")
    retry = again(world)
    retry.command("cancel")
    assert retry.rows.status == "cancelled"
    assert [run.status for run in retry.rows.runs] == ["cancelled", "completed", "completed"]
    check_log(retry.rows)


def test_what_failed_in_a_scope_that_is_over_stays_as_it_was() -> None:
    """The join tolerated it; what follows may ask how it ended."""
    world = Small(
        fork("f", ["a", "g"], "end", join={"policy": "all_done"}),
        step("a"),
        fork("g", ["b"]),
        step("b"),
        step("end", output={"b": "${{ nodes.b.status }}"}),
    )
    world.ends("b", outcome=BOOM)
    world.ends("a")
    world.ends("end", outcome=BOOM)
    retry = again(world)
    retry.run_timed()
    assert retry.rows.status == "completed"
    assert retry.flow.root.vars["b"] == "failed"
    assert {run.node_id: run.status for run in retry.rows.runs}["g"] == "failed"


def test_a_caught_failure_is_kept_with_what_its_handler_gave() -> None:
    told = {"caught": "${{ error.nodeId }}"}
    world = Small(step("a", onError="h"), step("h", "end", output=told), step("end"))
    world.ends("a", outcome=BOOM)
    world.ends("h")
    world.ends("end", outcome=BOOM)
    retry = again(world)
    retry.run_timed()
    assert [run.node_id for run in retry.rows.runs] == ["a", "h", "end"]
    assert retry.flow.root.vars == {"caught": "a", "v_end": "end"}
    assert retry.flow.root.error is not None


def test_an_adopted_result_keeps_whose_it_was_over_several_retries() -> None:
    world = Small(step("a", "b"), step("b"), behaviours={"b": Behaviour(99)})
    world.ends("a")
    world.ends("b")
    first = again(world)
    first.run_timed()
    assert first.rows.status == ExecutionStatus.FAILED
    rows = adopted("x", first.rows.runs, "first retry")
    assert [row["adopted"] for row in rows] == ["source"]
