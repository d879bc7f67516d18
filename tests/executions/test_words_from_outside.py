"""Signals, decisions, events and termination, on executions that really wait; and of whose transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from itertools import count
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.db import connections, transaction

from executions import operations
from executions.errors import ForeignTransaction, InvalidInput, NotAllowed, NotWaiting
from executions.models import BulkOperation, Command, Emission, Execution
from executions.operations import bulk
from tests.executions.build import document, fork, node, scripted, step
from tests.executions.engine import Ended, ended, has_status, is_called, open_gate, run, start, until
from workflows import library

pytestmark = pytest.mark.usefixtures("executor")

_names = (f"name {number}" for number in count())


def wait(id: str, next: str | None = None, **config: Any) -> dict[str, Any]:
    return node("wait", id, next, config=config)


# Signals


def test_a_signal_moves_on_what_waits_for_it() -> None:
    execution = start(
        wait("w", "a", signal="go"), scripted("ok", "a", config={"output": '${{ nodes["w"].output }}'})
    )
    has_status(execution, "waiting")
    operations.signal(execution, "other", 1)
    operations.signal(execution, "go", {"x": 1}, actor="ann")
    found = ended(execution)
    told = found.outputs["a"]
    assert (found.status, told["name"], told["payload"], told["by"]) == ("completed", "go", {"x": 1}, "ann")
    until(lambda: Ended(execution).commands == [("signal", "ignored"), ("signal", "applied")])


def test_a_signal_that_comes_before_anything_waits_is_kept() -> None:
    with transaction.atomic():
        execution = start(step("a", "w"), wait("w", signal="go"))
        operations.signal(execution, "go", "early")
    assert ended(execution).outputs["w"]["payload"] == "early"


def test_words_in_a_transaction_that_rolls_back_have_never_been() -> None:
    execution = start(wait("w", signal="go"))
    has_status(execution, "waiting")
    name = next(_names)
    before = Execution.objects.count()
    with pytest.raises(RuntimeError), transaction.atomic():
        operations.signal(execution, "go")
        operations.emit(name)
        start(step("a"))
        operations.cancel(execution)
        bulk.begin("cancel", ids=[execution])
        raise RuntimeError
    found = Ended(execution)
    assert (found.status, found.row.inbox, found.commands) == ("waiting", 0, [])
    assert Execution.objects.count() == before
    assert not Emission.objects.filter(name=name).exists() and not BulkOperation.objects.exists()
    operations.signal(execution, "go")
    assert ended(execution).status == "completed"


def test_an_inner_block_that_rolls_back_takes_its_words_and_no_others() -> None:
    with transaction.atomic():
        kept = start(step("a"))
        with pytest.raises(RuntimeError), transaction.atomic():
            dropped = start(step("a"))
            raise RuntimeError
    assert ended(kept).status == "completed"
    assert not Execution.objects.filter(pk=dropped).exists()


def test_nobody_hears_of_a_word_before_it_is_committed(django_capture_on_commit_callbacks: Any) -> None:
    with transaction.atomic():
        execution = start(step("a"))
        assert Execution.objects.get(pk=execution).status == "queued"
        hooks = len(connections["default"].run_on_commit)
    assert hooks >= 1
    assert ended(execution).status == "completed"


# Approvals


def test_an_approval_is_given_and_a_second_decision_is_refused() -> None:
    execution = start(
        wait("ask", "a", approval={"users": ["ann"], "message": "${{ 'Ship ' + 'it?' }}"}),
        scripted("ok", "a", config={"output": '${{ nodes["ask"].output }}'}),
    )
    has_status(execution, "waiting")
    operations.decide(execution, "ask", "approved", comment="fine", payload={"n": 1}, user=_ann())
    with pytest.raises((NotWaiting, NotAllowed)):
        operations.decide(execution, "ask", "refused")
    found = ended(execution)
    told = found.outputs["a"]
    assert (told["decision"], told["by"], told["comment"], told["payload"]) == (
        "approved",
        "ann",
        "fine",
        {"n": 1},
    )
    assert found.commands == [("decide", "applied")]


def test_a_refusal_is_a_failure_that_a_handler_may_catch() -> None:
    asked = wait("ask", "a", approval={"message": "?"})
    refused, handled = (
        start(asked, step("a")),
        start({**asked, "onError": "no"}, step("a"), step("no")),
    )
    for execution in (refused, handled):
        has_status(execution, "waiting")
        operations.decide(execution, None, "refused", comment="too dear")
    assert ended(refused).error["name"] == "Refused" and "too dear" in ended(refused).error["message"]
    assert ended(handled).status == "completed" and "no" in ended(handled).outputs


def test_of_two_branches_that_wait_for_approvals_each_is_decided_by_name() -> None:
    approval = {"message": "?"}
    execution = start(fork("f", ["x", "y"]), wait("x", approval=approval), wait("y", approval=approval))
    has_status(execution, "waiting")
    with pytest.raises(NotWaiting, match="several"):
        operations.decide(execution, None, "approved")
    operations.decide(execution, "x", "approved")
    until(lambda: Ended(execution).statuses["x"] == "completed")
    operations.decide(execution, None, "approved")
    assert ended(execution).status == "completed"


# Events


def test_an_event_is_told_to_all_that_wait_for_its_key() -> None:
    name = next(_names)
    waiting = [start({**wait("w", event=name), "key": key}) for key in ("'a'", "'a'", "'b'")]
    for execution in waiting:
        has_status(execution, "waiting")
    with transaction.atomic():
        operations.emit(name, {"x": 1}, key="a")
    found = [ended(execution) for execution in waiting[:2]]
    assert [one.outputs["w"]["payload"] for one in found] == [{"x": 1}] * 2
    assert Ended(waiting[2]).status == "waiting"
    operations.emit(name, key="b")
    assert ended(waiting[2]).outputs["w"]["payload"] == {}


# Terminating


def test_terminating_waits_for_nobody_and_undoes_nothing() -> None:
    execution = start(
        scripted("ok", "pay", "h", compensate="refund"),
        scripted("hang", "h", config={"stubborn": True, "gate": "terminated"}),
        scripted("ok", "refund"),
    )
    is_called(execution, "h")
    operations.terminate(execution, reason="enough", actor="ann")
    found = ended(execution)
    open_gate("terminated")
    assert found.status == "cancelled" and found.calls("refund") == 0


def test_cancelling_undoes_and_terminating_after_it_cuts_that_short() -> None:
    execution = start(
        scripted("ok", "pay", "h", compensate="refund"),
        wait("h", signal="never"),
        scripted("hang", "refund", config={"gate": "refund", "stubborn": True}),
    )
    has_status(execution, "waiting")
    operations.cancel(execution)
    is_called(execution, "refund")
    assert Ended(execution).status == "cancelling"
    operations.terminate(execution)
    assert ended(execution).status == "cancelled"
    open_gate("refund")


# Transactions of others


def test_a_word_inside_another_databases_transaction_alone_is_refused(elsewhere: str) -> None:
    execution = start(wait("w", signal="go"))
    has_status(execution, "waiting")
    library.publish(document(step("a"), id="foreign"))
    words = [
        lambda: operations.start("foreign"),
        lambda: operations.signal(execution, "go"),
        lambda: operations.decide(execution, None, "approved"),
        lambda: operations.emit("never"),
        lambda: operations.rerun(execution),
        lambda: operations.retry(execution),
        lambda: operations.delete(execution),
        lambda: operations.migrate("foreign", 1),
        lambda: bulk.begin("cancel", ids=[execution]),
    ]
    with transaction.atomic(using=elsewhere):
        for word in words:
            with pytest.raises(ForeignTransaction, match=r"atomic\(using='elsewhere'\)"):
                word()
    assert Ended(execution).commands == [] and not Emission.objects.filter(name="never").exists()
    operations.terminate(execution)


def test_with_a_transaction_of_its_own_a_word_is_part_of_that_one(elsewhere: str) -> None:
    with transaction.atomic(using=elsewhere), pytest.raises(RuntimeError), transaction.atomic():
        dropped = start(step("a"))
        raise RuntimeError
    with transaction.atomic(), transaction.atomic(using=elsewhere):
        kept = start(step("a"))
    assert ended(kept).status == "completed"
    assert not Execution.objects.filter(pk=dropped).exists()


def test_a_word_after_another_databases_commit_is_not_refused(elsewhere: str) -> None:
    started: list[str] = []
    with transaction.atomic(using=elsewhere):
        transaction.on_commit(lambda: started.append(start(step("a"))), using=elsewhere)
    assert ended(started[0]).status == "completed"


# Async code


def test_every_verb_has_a_twin_for_async_code() -> None:
    execution = start(wait("w", "n", signal="go"), wait("n", signal="on"))
    has_status(execution, "waiting")

    async def talk() -> None:
        await operations.asignal(execution, "go", 1)
        await operations.aemit(next(_names))
        with pytest.raises(InvalidInput):
            await operations.asignal(execution, "")

    _later(talk())
    until(lambda: Ended(execution).statuses.get("w") == "completed")
    _later(operations.aterminate(execution))
    assert ended(execution).status == "cancelled"
    again = _later(operations.aretry(execution))
    _later(operations.acancel(again.pk))
    assert ended(again.pk).status == "cancelled"
    _later(operations.adelete(again.pk))
    assert not Execution.objects.filter(pk=again.pk).exists()


def test_a_name_or_a_payload_that_cannot_be_stored_is_refused() -> None:
    execution = run(step("a")).id
    for name, payload in (("", None), ("a\0b", None), ("go", {"x": float("nan")}), ("go", {1, 2})):
        with pytest.raises(InvalidInput):
            operations.signal(execution, name, payload)
        with pytest.raises(InvalidInput):
            operations.emit(name, payload)
    assert not Command.objects.filter(execution=execution).exists()


def _later(word: Coroutine[Any, Any, Any]) -> Any:
    """In a loop; the thread of its ORM gives its connection back."""

    async def asked() -> Any:
        try:
            return await word
        finally:
            await sync_to_async(connections.close_all)()

    return asyncio.run(asked())


def _ann() -> User:
    return User.objects.get_or_create(username="ann")[0]
