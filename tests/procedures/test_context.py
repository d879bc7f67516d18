"""What a procedure may know and say, and what it may decide."""

from __future__ import annotations

import logging

import pytest

from procedures import Cancelled, Context, NonRetryable, Retry


def context(**also: object) -> Context:
    return Context(
        execution_id="wf_1",
        workflow_id="orders",
        workflow_name="Orders",
        node_id="charge",
        run_id="wf_1:3",
        attempt=2,
        idempotency_key="wf_1:3",
        procedure="payments.charge",
        **also,  # type: ignore[arg-type]
    )


def test_metadata_is_the_originals() -> None:
    assert context().metadata == {
        "transport": "workflow",
        "workflowId": "orders",
        "workflowName": "Orders",
        "executionId": "wf_1",
        "nodeId": "charge",
        "nodeProcedure": "payments.charge",
    }


def test_it_hears_at_once_that_it_has_been_told_to_stop() -> None:
    told: list[bool] = []
    made = context(is_cancelled=lambda: bool(told))
    assert not made.cancelled
    told.append(True)
    assert made.cancelled


def test_progress_is_handed_on() -> None:
    heard: list[tuple[float | None, str | None]] = []
    made = context(report=lambda fraction, message: heard.append((fraction, message)))
    made.progress(0.5, "half")
    made.progress(message="nearly")
    assert heard == [(0.5, "half"), (None, "nearly")]


def test_outside_an_execution_nothing_is_cancelled_and_nobody_listens() -> None:
    alone = Context()
    alone.progress(0.1)
    assert not alone.cancelled
    assert (alone.execution_id, alone.attempt) == ("", 1)


def test_its_log_carries_the_attempt(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="c4c"):
        context().log.info("charged %s", 5)
    (record,) = caplog.records
    assert (record.name, record.getMessage()) == ("c4c.procedure.payments.charge", "charged 5")
    assert record.__dict__["attempt"] == 2
    assert record.__dict__["metadata"]["executionId"] == "wf_1"


def test_nothing_else_can_be_hung_on_it() -> None:
    with pytest.raises(AttributeError):
        context().surprise = 1  # type: ignore[attr-defined]


def test_errors_carry_the_decision() -> None:
    assert (Retry(5).after, Retry(after=2.5, message="busy").after, Retry().after) == (5, 2.5, None)
    assert str(Retry(after=1, message="busy")) == "busy"
    assert str(NonRetryable("no such card")) == "no such card"
    assert str(Cancelled("left in order")) == "left in order"
