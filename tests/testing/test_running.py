"""The kit runs workflows by the real rules, in virtual time, and user code where the test is."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from pydantic import SecretStr

from executions.errors import InvalidInput
from executions.testing.kit import Kit
from procedures import Context, NonRetryable, Retry, procedure
from tests.executions.build import delay, document, fork, node, scripted, step
from tests.scripted.models import Call, Note
from workflows.builder import workflow
from workflows.errors import InvalidDefinition, WorkflowNotFound
from workflows.policies import RetryPolicy

DAY = 86_400
TWICE = {"maxAttempts": 2, "initialInterval": 10, "jitter": 0}


def test_a_workflow_written_in_python_runs_to_its_end(c4c: Kit) -> None:
    order = workflow("order")
    first = order.procedure("total", "math.add", a="${{ input.a }}", b=2)
    first >> order.procedure("double", "math.multiply", a="${{ nodes.total.output.result }}", b=2)
    result = c4c.run(order, {"a": 1}).expect_completed({"double": {"result": 6}})
    assert result.executed == ["total", "double"]
    assert result.events[0]["type"] == "workflow.queued"
    assert [event["seq"] for event in result.events] == list(range(1, len(result.events) + 1))


def test_a_workflow_that_an_app_has_in_code_is_found_by_its_id_without_a_database(c4c: Kit) -> None:
    result = c4c.run("simple-math-workflow", {"a": 3, "b": 4})
    result.expect_completed()


def test_what_there_is_not_is_told_as_a_start_tells_it(c4c: Kit, db: None) -> None:
    with pytest.raises(WorkflowNotFound):
        c4c.run("no-such-workflow")
    with pytest.raises(InvalidDefinition):
        c4c.run({"id": "broken"})


def test_an_input_that_does_not_fit_the_schema_is_refused(c4c: Kit) -> None:
    schema = {"type": "object", "required": ["amount"]}
    with pytest.raises(InvalidInput, match="amount"):
        c4c.run(document(step("a"), inputSchema=schema))


def test_thirty_days_take_no_time(c4c: Kit) -> None:
    steps = [delay(f"d{n}", DAY, f"d{n + 1}" if n < 29 else "end") for n in range(30)]
    began = time.monotonic()
    result = c4c.run(document(*steps, step("end"))).expect_completed()
    assert result.elapsed == timedelta(days=30)
    assert time.monotonic() - began < 1
    assert result.told("workflow.completed")[0]["executionTime"] == 30 * DAY * 1000


def test_back_off_passes_in_virtual_time(c4c: Kit) -> None:
    c4c.fail("a", times=1)
    result = c4c.run(document(step("a", retry=TWICE))).expect_completed()
    assert result.elapsed == timedelta(seconds=10)
    assert result.node("a").attempts == 2


def test_what_is_random_is_the_same_each_time(c4c: Kit) -> None:
    c4c.fail("a", times=2)
    jittery = document(step("a", retry={"maxAttempts": 3, "initialInterval": 100, "jitter": 1}))
    assert c4c.run(jittery).elapsed == c4c.run(jittery).elapsed
    elapsed = c4c.run(jittery).elapsed
    c4c.seed = 7
    assert c4c.run(jittery).elapsed != elapsed


def test_an_execution_has_its_deadline(c4c: Kit) -> None:
    result = c4c.run(document(delay("d", DAY)), timeout=60)
    assert (result.status, result.elapsed) == ("timed_out", timedelta(minutes=1))


def test_an_attempt_that_takes_too_long_times_out(c4c: Kit) -> None:
    c4c.takes("a", timedelta(minutes=5), attempt=1)
    result = c4c.run(document(step("a", timeout=60, retry=TWICE))).expect_completed()
    assert result.elapsed == timedelta(seconds=70)
    assert result.told("node.retrying")[0]["error"]["name"] == "TimeoutError"


def test_an_attempt_that_hangs_is_ended_by_the_deadline(c4c: Kit) -> None:
    c4c.hang("a")
    assert c4c.run(document(step("a")), timeout=timedelta(hours=1)).status == "timed_out"


def test_the_first_branch_wins_by_virtual_time(c4c: Kit) -> None:
    c4c.takes("slow", 5)
    c4c.takes("quick", 3)
    result = c4c.run(
        document(fork("f", ["slow", "quick"], join={"policy": "any"}), step("slow"), step("quick"))
    )
    result.expect_completed()
    assert (result.node("slow").status, result.elapsed) == ("cancelled", timedelta(seconds=3))


# User code


@pytest.mark.django_db
def test_user_code_writes_in_the_tests_own_transaction(c4c: Kit) -> None:
    with transaction.atomic():
        result = c4c.run(document(scripted("ok", "a", "b"), scripted("aquery", "b"))).expect_completed()
        assert [call.node for call in Call.objects.order_by("id")] == ["a"]
        assert result.outputs["b"]["calls"] == 1, "async code sees what sync code wrote, uncommitted"
        transaction.set_rollback(True)
    assert not Call.objects.exists()


@pytest.mark.django_db
def test_what_a_transactional_procedure_wrote_goes_with_its_failure(c4c: Kit) -> None:
    broken = scripted("write", "a", config={"text": "once", "times": 1}, retry=TWICE)
    c4c.run(document(broken)).expect_completed()
    assert [note.text for note in Note.objects.all()] == ["once"]


@pytest.mark.django_db
def test_an_answer_that_cannot_be_stored_undoes_what_a_transactional_procedure_wrote(c4c: Kit) -> None:
    c4c.run(document(scripted("write", "a", config={"text": "x", "bad": True}))).expect_failed(
        "InvalidOutput"
    )
    assert not Note.objects.exists()


def test_without_user_code_that_needs_one_no_database_is_asked_for(c4c: Kit) -> None:
    c4c.run(document(step("a"))).expect_completed()


def test_an_input_that_does_not_fit_its_contract_fails_its_node(c4c: Kit) -> None:
    named = {"procedureName": "math.add", "config": {"a": "one", "b": 2}}
    result = c4c.run(document(node("procedure", "a", **named))).expect_failed("InvalidInput", node="a")
    assert "a" in str(result.error)


def test_user_code_has_its_context(c4c: Kit, own_procedures: None) -> None:
    found: list[Any] = []

    @procedure("t.look")
    def look(context: Context) -> None:
        found.append((context.node_id, context.attempt, context.idempotency_key, context.heartbeat_details))
        context.progress(0.5, "half")
        context.heartbeat({"row": context.attempt})
        if context.attempt < 3:
            raise Retry(after=60)

    built = workflow("w")
    built.procedure("a", "t.look")
    result = c4c.run(built).expect_completed()
    assert found == [
        ("a", 1, f"{result.execution_id}.0", None),
        ("a", 2, f"{result.execution_id}.0", {"row": 1}),
        ("a", 3, f"{result.execution_id}.0", {"row": 2}),
    ]
    assert [event["progress"] for event in result.told("node.progress", "a")] == [0.5, 0.5, 0.5]
    assert result.elapsed == timedelta(minutes=2)


@pytest.mark.parametrize("crash", [False, True])
def test_secrets_are_masked_in_events_and_come_through(c4c: Kit, own_procedures: None, crash: bool) -> None:
    @procedure("t.open")
    def open_(password: SecretStr) -> dict[str, Any]:
        return {"told": f"it is {password.get_secret_value()}", "length": len(password.get_secret_value())}

    secret = {"type": "object", "properties": {"password": {"type": "string", "format": "password"}}}
    built = workflow("w", input_schema=secret)
    built.procedure("a", "t.open") >> built.procedure("b", "t.open")
    if crash:
        c4c.crash(before="b")
    result = c4c.run(built, {"password": "open sesame"}).expect_completed()
    assert "sesame" not in str(result.events)
    assert result.outputs["b"] == {"told": "it is open sesame", "length": 11}


def test_what_user_code_raises_decides(c4c: Kit, own_procedures: None) -> None:
    @procedure("t.never")
    def never() -> None:
        raise NonRetryable("no use")

    built = workflow("w")
    built.procedure("a", "t.never", retry=RetryPolicy(max_attempts=5))
    result = c4c.run(built).expect_failed("NonRetryable", node="a")
    assert result.node("a").attempts == 1


def test_what_stops_the_test_stops_the_run(c4c: Kit, own_procedures: None) -> None:
    @procedure("t.interrupt")
    def interrupt() -> None:
        raise KeyboardInterrupt

    built = workflow("w")
    built.procedure("a", "t.interrupt")
    with pytest.raises(KeyboardInterrupt):
        c4c.run(built)


def test_an_async_test_runs_it_too(c4c: Kit) -> None:
    async def run() -> str:
        return (await c4c.arun(document(step("a")))).status

    assert asyncio.run(run()) == "completed"


def test_what_goes_round_for_ever_is_told(c4c: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("executions.testing.simulation.MOST_STEPS", 50)
    loop = [step("a", "b"), step("b", "a")]
    with pytest.raises(AssertionError, match="for ever"):
        c4c.run(document(*loop))
