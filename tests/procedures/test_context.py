"""What a procedure may know and say, and what it may decide."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from procedures import Cancelled, Context, NonRetryable, Retry


class Heard:
    """All that user code tells."""

    def __init__(self) -> None:
        self.all: list[tuple[Any, ...]] = []

    def progress(self, fraction: float | None, message: str | None) -> None:
        self.all.append(("progress", fraction, message))

    def heartbeat(self, details: Any) -> None:
        self.all.append(("heartbeat", details))

    def log(self, level: int, message: str) -> None:
        self.all.append(("log", level, message))

    def stream(self, chunk: str) -> None:
        self.all.append(("stream", chunk))


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
    heard = Heard()
    made = context(listener=heard)
    made.progress(0.5, "half")
    made.progress(message="nearly")
    made.heartbeat({"page": 3})
    made.stream("Once")
    assert heard.all == [
        ("progress", 0.5, "half"),
        ("progress", None, "nearly"),
        ("heartbeat", {"page": 3}),
        ("stream", "Once"),
    ]


def test_outside_an_execution_nothing_is_cancelled_and_nobody_listens() -> None:
    alone = Context()
    alone.progress(0.1)
    alone.heartbeat({"page": 3})
    alone.stream("Once")
    alone.log.warning("upon a time")
    assert not alone.cancelled
    assert (alone.execution_id, alone.attempt) == ("", 1)


def test_its_log_carries_the_attempt(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="c4c"):
        context().log.info("charged %s", 5)
    (record,) = caplog.records
    assert (record.name, record.getMessage()) == ("c4c.procedure.payments.charge", "charged 5")
    assert record.__dict__["attempt"] == 2
    assert record.__dict__["metadata"]["executionId"] == "wf_1"


def test_its_log_is_told_from_info_on_whatever_is_recorded(caplog: pytest.LogCaptureFixture) -> None:
    heard = Heard()
    log = context(listener=heard).log
    with caplog.at_level(logging.ERROR, logger="c4c"):
        log.debug("in detail")
        log.info("charged %s", 5)
        log.warning("%s of %s", 1)  # noqa: PLE1206
        log.exception("it broke")
    assert heard.all == [
        ("log", logging.INFO, "charged 5"),
        ("log", logging.WARNING, "%s of %s"),
        ("log", logging.ERROR, "it broke"),
    ]
    assert [record.getMessage() for record in caplog.records] == ["it broke"]


def test_a_record_of_its_log_names_the_line_of_user_code(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="c4c"):
        context().log.info("charged", extra={"amount": 5})
    (record,) = caplog.records
    assert record.filename == "test_context.py"
    assert (record.__dict__["amount"], record.__dict__["attempt"]) == (5, 2)


def test_nothing_else_can_be_hung_on_it() -> None:
    with pytest.raises(AttributeError):
        context().surprise = 1  # type: ignore[attr-defined]


def test_errors_carry_the_decision() -> None:
    assert (Retry(5).after, Retry(after=2.5, message="busy").after, Retry().after) == (5, 2.5, None)
    assert str(Retry(after=1, message="busy")) == "busy"
    assert str(NonRetryable("no such card")) == "no such card"
    assert str(Cancelled("left in order")) == "left in order"
