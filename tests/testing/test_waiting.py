"""Signals, approvals, events, other executions: in memory as on the wire."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from executions.testing.kit import Kit
from executions.testing.script import ScriptError
from tests.executions.build import document, node, step

DAY = 86_400
TWICE = {"maxAttempts": 2, "initialInterval": 10, "jitter": 0}


def wait(id: str, next: str | None = None, **fields: Any) -> dict[str, Any]:
    config = {name: fields.pop(name) for name in ("signal", "event", "approval", "timeout") if name in fields}
    return node("wait", id, next, config=config, **fields)


def child(id: str, workflow: str, next: str | None = None, **fields: Any) -> dict[str, Any]:
    config = {"workflowId": workflow, **fields.pop("config", {})}
    return node("subworkflow", id, next, config=config, **fields)


# Signals


def test_a_signal_comes_when_its_node_waits(c4c: Kit) -> None:
    c4c.signal("paid", {"amount": 5}, when="pay", after=timedelta(days=2), by="ann")
    result = c4c.run(document(wait("pay", "end", signal="paid"), step("end"))).expect_completed()
    assert result.node("pay").output["payload"] == {"amount": 5}
    assert (result.node("pay").output["by"], result.elapsed) == ("ann", timedelta(days=2))


def test_a_signal_that_comes_before_is_kept_even_over_a_crash(c4c: Kit) -> None:
    c4c.signal("paid", 1)
    c4c.takes("a", 60)
    c4c.crash(during="a")
    result = c4c.run(document(step("a", "pay"), wait("pay", signal="paid"))).expect_completed()
    assert result.node("pay").output["payload"] == 1


def test_a_signal_that_never_comes_leaves_it_waiting(c4c: Kit) -> None:
    c4c.run(document(wait("pay", signal="paid"))).expect_waiting("pay")
    c4c.signal("paid")
    c4c.go_on().expect_completed()


def test_a_signal_that_comes_too_late_is_no_use(c4c: Kit) -> None:
    c4c.signal("paid", after=2 * DAY)
    result = c4c.run(document(wait("pay", signal="paid", timeout=DAY))).expect_failed("TimeoutError")
    assert result.node("pay").status == "failed"


# Approvals


def test_an_approval_is_given(c4c: Kit) -> None:
    c4c.approve("review", by="ann", comment="fine", after=3600)
    result = c4c.run(document(wait("review", approval={"users": ["ann"]}))).expect_completed()
    assert result.node("review").output["by"] == "ann"
    assert result.elapsed == timedelta(hours=1)


def test_an_approval_is_refused(c4c: Kit) -> None:
    c4c.refuse("review", by="ann", comment="too dear")
    result = c4c.run(document(wait("review", approval={"users": ["ann"]}))).expect_failed("Refused")
    assert "too dear" in str(result.error)


def test_each_of_a_maps_approvals_can_be_told_apart(c4c: Kit) -> None:
    c4c.approve("review", by="ann")
    c4c.refuse("review", by="ann", index=1)
    config = {"items": ["x", "y", "z"], "node": "review", "tolerate": 1}
    result = c4c.run(document(node("map", "all", config=config), wait("review", approval={"users": ["ann"]})))
    found = result.expect_completed().node("all").output
    assert (found["completed"], found["failed"], found["results"][1]) == (2, 1, None)


# Events


def test_an_event_reaches_those_that_wait_for_its_key(c4c: Kit) -> None:
    c4c.emit("arrived", {"n": 1}, key="other", when="arrival")
    c4c.emit("arrived", {"n": 2}, key="mine", when="arrival", after=60)
    result = c4c.run(document(wait("arrival", event="arrived", key="'mine'"))).expect_completed()
    assert (result.node("arrival").output["payload"], result.elapsed) == ({"n": 2}, timedelta(minutes=1))


def test_an_event_that_was_emitted_before_is_found(c4c: Kit) -> None:
    c4c.emit("arrived", {"n": 1})
    c4c.takes("a", 60)
    c4c.run(document(step("a", "arrival"), wait("arrival", event="arrived"))).expect_completed()


# Other executions


def test_a_subworkflow_runs_in_the_same_virtual_time(c4c: Kit) -> None:
    c4c.define(document(step("inner", output={"x": "${{ input.n }}"}), id="shipping"))
    c4c.takes("inner", 60)
    outer = document(child("ship", "shipping", "end", config={"input": {"n": 7}}), step("end"))
    result = c4c.run(outer).expect_completed()
    assert result.node("ship").output["outputs"] == {"inner": {"x": 7}}
    assert (result.children[0].status, result.elapsed) == ("completed", timedelta(minutes=1))
    assert result.children[0].events[0]["trigger"] == "subworkflow"


def test_what_fails_in_a_subworkflow_fails_its_node(c4c: Kit) -> None:
    c4c.define(document(step("inner"), id="shipping"))
    c4c.fail("inner")
    result = c4c.run(document(child("ship", "shipping", retry=TWICE))).expect_failed("ChildFailed")
    assert [each.status for each in result.children] == ["failed", "failed"]
    assert result.elapsed == timedelta(seconds=10)


def test_a_cancel_goes_down_and_comes_back_up(c4c: Kit) -> None:
    c4c.define(document(wait("inner", signal="never"), id="shipping"))
    c4c.cancel(after=5)
    result = c4c.run(document(child("ship", "shipping"))).expect("cancelled")
    assert result.children[0].status == "cancelled"


def test_parent_and_child_survive_a_crash(c4c: Kit) -> None:
    c4c.define(document(step("inner"), id="shipping"))
    c4c.crash(during="inner")
    c4c.crash(after="ship")
    c4c.run(document(child("ship", "shipping", "end"), step("end"))).expect_completed()


def test_a_subworkflow_can_be_answered_for(c4c: Kit) -> None:
    c4c.answer("ship", {"parcel": 1})
    result = c4c.run(document(child("ship", "no-such-workflow"))).expect_completed()
    assert result.node("ship").output["outputs"] == {"parcel": 1}
    assert result.children == []


def test_a_subworkflow_that_there_is_not_fails_its_node(c4c: Kit, db: None) -> None:
    c4c.run(document(child("ship", "no-such-workflow"))).expect_failed("WorkflowNotFound", node="ship")


# Scopes and compensation


def test_one_item_of_a_map_fails(c4c: Kit) -> None:
    c4c.fail("each", index=1)
    config = {"items": [1, 2, 3], "as": "n", "node": "each", "tolerate": 1}
    each = step("each", output={"n": "${{ vars.n }}"})
    result = c4c.run(document(node("map", "all", config=config), each)).expect_completed()
    assert result.node("all").output["results"] == [{"n": 1}, None, {"n": 3}]


def test_what_has_completed_is_undone_the_last_first(c4c: Kit) -> None:
    c4c.fail("ship")
    result = c4c.run(
        document(
            step("book", "charge", compensate="unbook"),
            step("charge", "ship", compensate="refund"),
            step("ship"),
            step("unbook"),
            step("refund"),
        )
    ).expect_failed("Failure", node="ship")
    result.expect_executed("book", "charge", "ship", "refund", "unbook")


def test_a_loop_goes_round_in_virtual_time(c4c: Kit) -> None:
    c4c.takes("poll", 60)
    config = {"until": "vars.tries >= 3", "branch": "poll"}
    poll = step("poll", output={"tries": "${{ vars.tries + 1 }}"})
    result = c4c.run(document(node("loop", "again", config=config), poll, variables={"tries": 0}))
    assert result.expect_completed().elapsed == timedelta(minutes=3)


def test_a_word_of_the_wrong_shape_is_the_tests_mistake(c4c: Kit) -> None:
    c4c.approve("reveiw")
    with pytest.raises(ScriptError, match="review"):
        c4c.run(document(wait("review", approval={"users": ["ann"]})))


def test_who_is_not_asked_cannot_decide(c4c: Kit) -> None:
    c4c.approve("review", by="bob")
    with pytest.raises(ScriptError, match="asks ann, so 'bob' cannot decide it"):
        c4c.run(document(wait("review", approval={"users": ["ann"]})))


def test_what_approves_fits_its_form(c4c: Kit) -> None:
    form = {"type": "object", "required": ["amount"], "properties": {"amount": {"type": "number"}}}
    asked = document(wait("review", approval={"users": ["ann"], "form": form}))
    c4c.approve("review", payload={"sum": 3})
    with pytest.raises(ScriptError, match=r"does not fit its form.*amount"):
        c4c.run(asked)


def test_who_decides_is_the_first_that_is_asked_unless_told(c4c: Kit) -> None:
    c4c.approve("review")
    result = c4c.run(document(wait("review", approval={"users": ["ann", "bob"]}))).expect_completed()
    assert result.node("review").output["by"] == "ann"


def test_an_event_reaches_all_that_wait_for_it(c4c: Kit) -> None:
    c4c.emit("arrived", {"n": 1}, when="arrival", after=60)
    config = {"items": ["x", "y"], "node": "arrival"}
    result = c4c.run(document(node("map", "all", config=config), wait("arrival", event="arrived")))
    found = result.expect_completed().node("all").output["results"]
    assert [each["payload"] for each in found] == [{"n": 1}, {"n": 1}]


def test_an_event_is_taken_once_by_waits_that_follow_one_another(c4c: Kit) -> None:
    c4c.emit("arrived", {"n": 1})
    c4c.emit("arrived", {"n": 2}, after=60)
    config = {"forEach": ["x", "y"], "branch": "arrival"}
    result = c4c.run(document(node("loop", "both", config=config), wait("arrival", event="arrived")))
    found = result.expect_completed().node("both").output["results"]
    assert [each["payload"] for each in found] == [{"n": 1}, {"n": 2}]


def test_a_deadline_that_passes_as_it_waits_leaves_time_to_undo(c4c: Kit) -> None:
    c4c.takes("refund", 30)
    c4c.signal("ping", when="refund", after=10)
    nodes = [step("charge", "pay", compensate="refund"), wait("pay", signal="paid"), step("refund")]
    result = c4c.run(document(*nodes), timeout=60).expect("timed_out")
    assert (result.node("refund").status, result.elapsed) == ("completed", timedelta(seconds=90))
