"""What a test can say in advance: failures, answers, crashes, and what comes from outside."""

from __future__ import annotations

from datetime import timedelta

import pytest

from executions.testing.kit import Kit
from executions.testing.script import ScriptError
from tests.executions.build import delay, document, fork, node, scripted, step
from tests.scripted.models import Call, Note

TWICE = {"maxAttempts": 2, "initialInterval": 10, "jitter": 0}


class Declined(ValueError):
    """Of a card."""


# Failures and answers


def test_a_node_fails_as_it_is_told_and_its_handler_takes_over(c4c: Kit) -> None:
    c4c.fail("charge", Declined("no money"))
    told = {"caught": "${{ error.name + ': ' + error.message }}"}
    result = c4c.run(document(step("charge", onError="tell"), step("tell", output=told))).expect_completed()
    assert result.vars["caught"] == "Declined: no money"
    assert result.node("charge").status == "failed"


@pytest.mark.django_db
def test_one_attempt_fails_or_the_first_so_many(c4c: Kit) -> None:
    c4c.fail("a", attempt=2, error="Second")
    result = c4c.run(document(scripted("retry", "a", config={"times": 1, "after": 1}, retry=TWICE)))
    result.expect_failed("Second")
    with pytest.raises(ScriptError, match="not both"):
        c4c.fail("a", attempt=1, times=2)
    with pytest.raises(ScriptError, match="counts from 1"):
        c4c.fail("a", attempt=0)


def test_a_failure_can_be_one_that_is_not_retried(c4c: Kit) -> None:
    c4c.fail("a", retryable=False)
    assert c4c.run(document(step("a", retry=TWICE))).node("a").attempts == 1


def test_policies_see_the_bases_of_an_exception(c4c: Kit) -> None:
    c4c.fail("a", Declined, times=1)
    retry = {**TWICE, "retryOn": ["ValueError"]}
    c4c.run(document(step("a", retry=retry))).expect_completed()


def test_an_answer_stands_in_for_the_procedure(c4c: Kit) -> None:
    c4c.answer("add", {"result": 42})
    named = {"procedureName": "math.add", "config": {"a": 1, "b": 2}}
    c4c.run(document(node("procedure", "add", **named))).expect_completed({"add": {"result": 42}})


def test_an_answer_can_be_a_function_of_the_input(c4c: Kit) -> None:
    c4c.answer("math.add", lambda a, b: {"result": a * 100 + b})
    named = {"procedureName": "math.add", "config": {"a": 1, "b": 2}}
    c4c.run(document(node("procedure", "add", **named))).expect_completed({"add": {"result": 102}})


def test_an_answer_must_fit_the_contract_and_so_must_the_input(c4c: Kit) -> None:
    c4c.answer("add", {"wrong": 42})
    good, bad = {"a": 1, "b": 2}, {"a": "one", "b": 2}
    named = {"procedureName": "math.add"}
    c4c.run(document(node("procedure", "add", **named, config=good))).expect_failed("InvalidOutput")
    c4c.answer("add", {"result": 42})
    c4c.run(document(node("procedure", "add", **named, config=bad))).expect_failed("InvalidInput")


def test_a_name_that_nothing_has_is_told(c4c: Kit) -> None:
    c4c.fail("chrage")
    with pytest.raises(ScriptError, match="did you mean charge"):
        c4c.run(document(step("charge")))


def test_a_word_for_a_node_that_there_is_not_is_told(c4c: Kit) -> None:
    c4c.cancel(when="chrage")
    with pytest.raises(ScriptError, match="did you mean charge"):
        c4c.run(document(step("charge")))


# Crashes


@pytest.mark.django_db
def test_an_answer_that_is_lost_is_asked_for_again(c4c: Kit) -> None:
    c4c.crash(during="a")
    result = c4c.run(document(scripted("ok", "a"))).expect_completed()
    assert [call.attempt for call in Call.objects.order_by("id")] == [1, 2]
    assert result.told("node.lost", "a")[0]["attempt"] == 1


@pytest.mark.django_db
def test_a_crash_before_the_call_calls_once(c4c: Kit) -> None:
    c4c.crash(before="a")
    result = c4c.run(document(scripted("ok", "a"))).expect_completed()
    assert [call.attempt for call in Call.objects.all()] == [2]
    assert result.node("a").attempts == 2


@pytest.mark.django_db
def test_a_crash_after_its_end_leaves_what_has_completed(c4c: Kit) -> None:
    c4c.crash(after="a")
    result = c4c.run(document(scripted("ok", "a", "b"), scripted("ok", "b"))).expect_completed()
    assert [call.node for call in Call.objects.order_by("id")] == ["a", "b"]
    assert result.node("a").attempts == 1


@pytest.mark.django_db
def test_a_transactional_procedure_writes_once_whatever_crashes(c4c: Kit) -> None:
    c4c.crash(during="a")
    c4c.run(document(scripted("write", "a", config={"text": "once"}))).expect_completed()
    assert Note.objects.count() == 1


def test_what_always_kills_its_executor_fails_in_the_end(c4c: Kit) -> None:
    for attempt in range(1, 6):
        c4c.crash(before="a", attempt=attempt)
    c4c.run(document(step("a"))).expect_failed("AttemptsLost", node="a")


def test_a_crash_is_at_one_moment(c4c: Kit) -> None:
    with pytest.raises(ScriptError, match="one of before, during and after"):
        c4c.crash(before="a", after="a")


# From outside


def test_it_is_cancelled_at_a_virtual_time(c4c: Kit) -> None:
    c4c.cancel(after=timedelta(days=1), reason="changed my mind", by="ann")
    result = c4c.run(document(delay("d", 10 * 86_400))).expect("cancelled")
    assert result.elapsed == timedelta(days=1)
    assert result.told("workflow.cancelled")[0]["reason"] == "changed my mind"


def test_it_is_cancelled_while_a_node_runs(c4c: Kit) -> None:
    c4c.takes("b", 60)
    c4c.cancel(when="b", after=5)
    result = c4c.run(document(step("a", "b"), step("b", "c"), step("c"))).expect("cancelled")
    assert (result.node("b").status, result.elapsed) == ("cancelled", timedelta(seconds=5))
    result.expect_executed("a", "b").expect_not_executed("c")


def test_paused_it_stands_still_until_it_is_resumed(c4c: Kit) -> None:
    c4c.pause(when="a")
    c4c.resume(after=3600)
    result = c4c.run(document(step("a", "b"), step("b"))).expect_completed()
    assert result.elapsed == timedelta(hours=1)
    assert result.told("workflow.paused")


def test_a_paused_execution_is_told_as_it_stands_and_goes_on_later(c4c: Kit) -> None:
    c4c.pause(when="a")
    c4c.run(document(step("a", "b"), step("b"))).expect("paused").expect_not_executed("b")
    c4c.resume()
    c4c.go_on().expect_completed()


def test_the_clock_can_be_stopped_on_the_way(c4c: Kit) -> None:
    result = c4c.run(document(delay("d", 100, "a"), step("a")), until=60)
    assert result.expect_waiting("d").elapsed == timedelta(seconds=60)
    assert c4c.go_on(until=39).status == "waiting"
    assert c4c.go_on(until=1).status == "completed"


def test_time_goes_forward_only(c4c: Kit) -> None:
    with pytest.raises(ScriptError, match="forward"):
        c4c.cancel(after=-1)


def test_there_must_be_a_run_to_go_on_with(c4c: Kit) -> None:
    with pytest.raises(ScriptError, match="nothing has been run"):
        c4c.go_on()


def test_a_join_that_was_decided_stays_so_over_a_crash(c4c: Kit) -> None:
    c4c.takes("slow", 60)
    c4c.crash(after="quick")
    forked = fork("f", ["quick", "slow"], "end", join={"policy": "any"})
    c4c.run(document(forked, step("quick"), step("slow"), step("end"))).expect_completed().expect_executed(
        "end"
    )
