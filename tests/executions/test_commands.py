"""Words from outside: pause, resume, cancel, deadlines, on executions that are really running."""

from __future__ import annotations

from itertools import count

import pytest
from django.conf import LazySettings
from django.db import transaction

from executions import operations
from executions.errors import ExecutionNotFound, NotAllowed
from executions.models import Command, Execution
from tests.executions.build import delay, fork, scripted, step
from tests.executions.engine import (
    Ended,
    ended,
    has_status,
    is_blocked,
    is_called,
    nothing_of,
    open_gate,
    open_gate_elsewhere,
    run,
    start,
    until,
)

pytestmark = pytest.mark.usefixtures("executor")

_gates = (f"command {number}" for number in count())


def test_a_pause_lets_what_is_in_flight_finish_and_starts_nothing_new() -> None:
    gate = next(_gates)
    execution = start(scripted("hang", "a", "b", config={"gate": gate}), step("b"))
    is_called(execution, "a")
    operations.pause(execution, actor="ann")
    until(lambda: Execution.objects.get(pk=execution).pause_requested)
    open_gate(gate)
    has_status(execution, "paused")
    held = Ended(execution)
    assert held.statuses == {"a": "completed", "b": "pending"}
    assert held.told("workflow.paused")[0]["by"] == "ann"
    assert held.row.leased_by is None, "a paused execution costs its executor nothing"
    operations.resume(execution, actor="bob")
    found = ended(execution)
    assert found.status == "completed"
    assert found.told("workflow.resumed")[0]["by"] == "bob"
    assert found.commands == [("pause", "applied"), ("resume", "applied")]


def test_an_execution_paused_as_it_was_queued_starts_with_the_resume() -> None:
    with transaction.atomic():
        execution = start(step("a"))
        operations.pause(execution)
    has_status(execution, "paused")
    assert Ended(execution).runs == []
    operations.resume(execution)
    assert ended(execution).status == "completed"


def test_a_sleeping_execution_is_paused_and_sleeps_no_less_for_it() -> None:
    execution = start(delay("d", 0.4, "a"), step("a"))
    has_status(execution, "waiting")
    operations.pause(execution)
    has_status(execution, "paused")
    operations.resume(execution)
    found = ended(execution)
    assert found.outputs["d"]["seconds"] >= 0.4
    assert found.status == "completed"


def test_a_pause_holds_every_branch() -> None:
    gate = next(_gates)
    execution = start(
        fork("f", ["a", "b"], "end"),
        scripted("hang", "a", "c", config={"gate": gate}),
        scripted("ahang", "b", "d", config={"gate": gate}),
        *[step(name) for name in ("c", "d", "end")],
    )
    is_called(execution, "a")
    is_called(execution, "b")
    operations.pause(execution)
    until(lambda: Execution.objects.get(pk=execution).pause_requested)
    open_gate(gate)
    has_status(execution, "paused")
    assert {name: Ended(execution).statuses[name] for name in "cd"} == {"c": "pending", "d": "pending"}
    operations.resume(execution)
    assert ended(execution).status == "completed"


@pytest.mark.parametrize("name", ["hang", "ahang"])
def test_cancelling_tells_the_attempt_and_ends_when_it_has_ended(name: str) -> None:
    execution = start(scripted(name, "a", "b", onError="b"), step("b"))
    is_called(execution, "a")
    operations.cancel(execution, reason="enough", actor="ann")
    found = ended(execution)
    assert (found.status, found.statuses) == ("cancelled", {"a": "cancelled"})
    assert found.types[-3:] == ["workflow.cancelling", "node.cancelled", "workflow.cancelled"]
    assert found.told("node.cancelled")[0]["reason"] == "enough"
    assert {found.told(name)[0]["by"] for name in ("workflow.cancelling", "workflow.cancelled")} == {"ann"}


@pytest.mark.parametrize("name", ["hang", "ahang"])
def test_who_does_not_stop_is_left_behind_after_the_grace(name: str) -> None:
    gate = next(_gates)
    execution = start(scripted(name, "a", config={"stubborn": True, "gate": gate}))
    is_called(execution, "a")
    operations.cancel(execution)
    found = ended(execution)
    open_gate(gate)
    assert found.status == "cancelled"
    cancelling, cancelled = (event.at for event in found.events[-3:-1])
    assert round((cancelled - cancelling).total_seconds(), 2) >= 0.5, "the grace of these tests"


def test_force_after_a_plain_cancel_cuts_the_grace_short(settings: LazySettings) -> None:
    settings.C4C = {**settings.C4C, "CANCEL_GRACE_SECONDS": 60.0}
    gate = next(_gates)
    execution = start(scripted("hang", "a", config={"stubborn": True, "gate": gate}))
    is_called(execution, "a")
    operations.cancel(execution, reason="first")
    has_status(execution, "cancelling")
    operations.cancel(execution, reason="second", force=True)
    found = ended(execution)
    open_gate(gate)
    assert found.told("workflow.cancelled")[0]["reason"] == "first"
    assert found.commands == [("cancel", "applied"), ("cancel", "applied")]


def test_an_execution_cancelled_as_it_was_queued_runs_nothing() -> None:
    with transaction.atomic():
        execution = start(scripted("ok", "a"))
        operations.cancel(execution)
    found = ended(execution)
    assert (found.status, found.runs, found.calls("a")) == ("cancelled", [], 0)
    assert found.types == ["workflow.queued", "workflow.cancelling", "workflow.cancelled"]


@pytest.mark.parametrize("held", [False, True])
def test_a_sleeping_or_paused_execution_is_cancelled_at_once(held: bool) -> None:
    execution = start(delay("d", 1000))
    has_status(execution, "waiting")
    if held:
        operations.pause(execution)
        has_status(execution, "paused")
    operations.cancel(execution)
    assert ended(execution).statuses == {"d": "cancelled"}


@pytest.mark.parametrize(
    "nodes", [[scripted("hang", "a", "b"), step("b")], [delay("a", 1000, "b"), step("b")]]
)
def test_an_execution_ends_with_its_deadline(nodes: list[dict[str, object]]) -> None:
    found = ended(start(*nodes, timeout=0.3))
    assert (found.status, found.statuses) == ("timed_out", {"a": "cancelled"})
    assert found.told("workflow.timed_out")[0]["reason"] == "the deadline has passed"
    assert (found.row.ended_at - found.row.queued_at).total_seconds() >= 0.3  # type: ignore[operator]


def test_a_paused_execution_too_ends_with_its_deadline() -> None:
    with transaction.atomic():
        execution = start(step("a"), timeout=0.3)
        operations.pause(execution)
    assert ended(execution).status == "timed_out"


def test_what_is_asked_for_twice_is_done_once_and_the_second_is_remembered_as_ignored() -> None:
    execution = start(delay("d", 1000))
    has_status(execution, "waiting")
    with transaction.atomic():
        operations.pause(execution)
        operations.pause(execution)
    until(lambda: all(outcome for _, outcome in Ended(execution).commands))
    assert Ended(execution).commands == [("pause", "applied"), ("pause", "ignored")]
    operations.cancel(execution)
    assert ended(execution).types.count("workflow.paused") == 1


def test_a_word_that_comes_while_the_last_transition_is_written_is_remembered_as_ignored() -> None:
    """The command holds the row as the attempt ends: the end is written after it, without having read it."""
    gate = next(_gates)
    execution = start(scripted("ahang", "a", config={"gate": gate}))
    is_called(execution, "a")
    with transaction.atomic():
        operations.pause(execution)
        open_gate_elsewhere(gate)
        until(is_blocked)
    found = ended(execution)
    until(lambda: Command.objects.get(execution=execution).handled_at)
    assert (found.status, Ended(execution).commands) == ("completed", [("pause", "ignored")])


def test_what_has_ended_refuses_every_word_and_says_what_it_allows() -> None:
    execution = run(step("a")).id
    for verb in (operations.cancel, operations.pause, operations.resume, operations.retry):
        with pytest.raises(NotAllowed) as refused:
            verb(execution)
        assert (refused.value.current_status, refused.value.allowed_actions) == (
            "completed",
            ["rerun", "delete"],
        )
    with pytest.raises(ExecutionNotFound):
        operations.cancel("nobody")


def test_a_word_in_a_transaction_that_rolls_back_was_never_said() -> None:
    execution = start(delay("d", 0.3))
    has_status(execution, "waiting")
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        operations.cancel(execution)
        raise ZeroDivisionError
    found = ended(execution)
    assert (found.status, found.commands) == ("completed", [])


def test_an_ended_execution_can_be_forgotten_whole_and_a_running_one_cannot() -> None:
    execution = start(delay("d", 1000))
    with pytest.raises(NotAllowed):
        operations.delete(execution)
    operations.cancel(execution)
    found = ended(execution)
    operations.delete(found.id)
    assert not Execution.objects.filter(pk=found.id).exists()
    assert nothing_of(found.id)
