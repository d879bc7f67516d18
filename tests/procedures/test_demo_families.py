"""The demo families, as their users know them."""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from hypothesis import given
from hypothesis import strategies as st

from c4c_site.demo.procedures.family import number
from procedures import Cancelled, Context, InvalidInput, InvalidOutput, NonRetryable, registry

DOUBLES = st.floats(-1e100, 1e100)
TAGS = {
    "math.add": ["math"],
    "math.multiply": ["math"],
    "math.subtract": ["math"],
    "math.divide": ["math"],
    "data.fetch": ["data"],
    "data.process": ["data"],
    "data.save": ["data"],
    "custom.log": ["logging"],
    "custom.logEvent": ["logging", "events"],
    "custom.delay": ["timing", "demo"],
    "custom.heavyComputation": ["computation", "demo"],
    "custom.finalize": ["finalization"],
    "custom.handleError": ["error-handling"],
    "custom.sendNotification": ["notifications"],
}
DESCRIPTIONS = {
    "math.add": "Adds two numbers together.",
    "math.multiply": "Multiplies two numbers.",
    "math.subtract": "Subtracts the second number from the first.",
    "data.fetch": "Fetches user metadata for demos.",
    "data.process": "Processes data according to the selected mode.",
    "data.save": "Persists data for demo workflows.",
    "custom.log": "Logs a message",
    "custom.logEvent": "Logs an event with message",
    "custom.delay": "Delays execution for specified seconds (for demo purposes)",
    "custom.heavyComputation": "Performs heavy computation (for demo purposes)",
    "custom.finalize": "Finalizes workflow execution",
    "custom.handleError": "Handles workflow errors",
}


def call(name: str, context: Context | None = None, **inputs: Any) -> Any:
    procedure = registry.get(name)
    arguments = procedure.bind(inputs, context)
    answer = procedure.handler(**arguments)
    return procedure.contract.dump_output(asyncio.run(answer) if procedure.is_async else answer)


def without_times(output: dict[str, Any]) -> dict[str, Any]:
    """The rest, once every time among it is one of the last minute."""
    times = {key: value for key, value in output.items() if key.endswith(("At", "Time", "timestamp"))}
    for value in times.values():
        assert value.endswith("Z")
        assert timedelta() <= datetime.now(UTC) - datetime.fromisoformat(value) < timedelta(minutes=1)
    assert times
    return {key: value for key, value in output.items() if key not in times}


@pytest.mark.parametrize("name", TAGS)
def test_each_is_declared_as_it_was(name: str) -> None:
    found = registry.get(name)
    category = "custom" if name.startswith("custom") else "demo"
    assert found.metadata == {
        "exposure": "internal",
        "roles": ["workflow-node"],
        "category": category,
        "tags": TAGS[name],
    }
    assert found.description == DESCRIPTIONS.get(name, found.description) != ""


@pytest.mark.parametrize(
    ("name", "a", "b", "result"),
    [
        ("add", 10, 5, 15),
        ("add", 0.1, 0.2, 0.30000000000000004),
        ("multiply", 3, 2, 6),
        ("multiply", 1.5, 3, 4.5),
        ("subtract", 20, 8, 12),
        ("divide", 10, 4, 2.5),
        ("divide", 100, 5, 20),
        ("multiply", 2**62, 8, 2.0**65),
    ],
)
def test_arithmetic(name: str, a: float, b: float, result: float) -> None:
    found = call(f"math.{name}", a=a, b=b)
    assert found == {"result": result}
    assert type(found["result"]) is type(result)


@given(DOUBLES, DOUBLES)
def test_arithmetic_is_that_of_doubles(a: float, b: float) -> None:
    assert call("math.add", a=a, b=b) == {"result": a + b}
    assert call("math.subtract", a=a, b=b) == {"result": a - b}


@given(DOUBLES | st.integers(-(2**70), 2**70).map(float))
def test_whole_numbers_are_written_as_such_and_never_changed(value: float) -> None:
    assert number(value) == value
    assert isinstance(number(value), int) == (value.is_integer() and abs(value) <= 2**53)


def test_division_by_zero_is_an_error_that_says_so() -> None:
    with pytest.raises(ZeroDivisionError, match=r"^Division by zero$"):
        call("math.divide", a=100, b=0)


def test_a_result_without_end_names_its_place() -> None:
    with pytest.raises(InvalidOutput, match="result: Infinity is not a JSON number"):
        call("math.multiply", a=1e308, b=10)


@pytest.mark.parametrize(
    "inputs", [{"a": 1}, {"a": "1", "b": 1}, {"a": math.nan, "b": 1}, {"a": None, "b": 1}]
)
def test_arithmetic_needs_two_finite_numbers(inputs: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        call("math.add", **inputs)


@pytest.mark.parametrize(
    ("user", "tier"),
    [
        ("user123", "basic"),
        ("user456", "basic"),
        ("demo-user-123", "premium"),
        ("user_123", "enterprise"),
        ("user_456", "enterprise"),
        ("ÿ", "basic"),
        ("a🚀", "premium"),
        ("", "basic"),
    ],
)
def test_a_users_tier_follows_from_the_id(user: str, tier: str) -> None:
    found = call("data.fetch", userId=user)
    assert list(found) == ["userId", "isPremium", "tier", "fetchedAt"]
    assert without_times(found) == {"userId": user, "isPremium": tier != "basic", "tier": tier}


def test_data_is_processed_by_mode() -> None:
    found = call("data.process", mode="premium", payload={"a": 1}, userId="dropped")
    assert without_times(found) == {"status": "processed", "mode": "premium"}
    with pytest.raises(InvalidInput, match="mode: Input should be 'basic', 'premium' or 'enterprise'"):
        call("data.process", mode="gold")


def test_any_data_is_saved() -> None:
    for payload in ({}, [1], None, "text"):
        assert without_times(call("data.save", payload=payload)) == {"stored": True}
    assert list(call("data.save")) == ["stored", "storedAt"]


@pytest.mark.parametrize(
    ("level", "logged"), [("info", logging.INFO), ("warn", logging.WARNING), ("error", logging.ERROR)]
)
def test_a_message_is_logged_at_its_level(level: str, logged: int, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="c4c"):
        found = call("custom.log", message="Hello %s", level=level, data={"a": "ä"})
    assert without_times(found) == {"logged": True}
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (logged, 'Hello %s {"a": "ä"}')
    ]


def test_a_level_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidInput, match="level"):
        call("custom.log", message="m", level="debug")


def test_an_event_is_logged_with_its_data(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="c4c"):
        assert without_times(call("custom.logEvent", message="Changed", event={"id": 1})) == {"logged": True}
    assert caplog.messages == ['[EVENT] Changed {"id": 1}']


def test_a_delay_takes_its_seconds_and_tells_them() -> None:
    began = time.monotonic()
    found = call("custom.delay", seconds=0.05)
    assert 0.05 <= time.monotonic() - began < 5
    assert without_times(found) == {"delayed": True, "seconds": 0.05}
    assert found["startTime"] < found["endTime"]
    assert call("custom.delay", seconds=0)["seconds"] == 0


@pytest.mark.parametrize("seconds", [-1, 301, "5", None])
def test_a_delay_is_bounded(seconds: object) -> None:
    with pytest.raises(InvalidInput, match="seconds"):
        registry.get("custom.delay").bind({"seconds": seconds})


def test_delays_do_not_wait_for_each_other() -> None:
    delay = registry.get("custom.delay")

    async def hundred() -> None:
        await asyncio.gather(*(delay.handler(**delay.bind({"seconds": 0.2})) for _ in range(100)))

    began = time.monotonic()
    asyncio.run(hundred())
    assert time.monotonic() - began < 5  # one after the other: 20 s


@pytest.mark.parametrize(
    ("iterations", "result"),
    [
        (1, 0.0),
        (1_000, -28.736174564667348),
        (500_000, 574.5875411371769),
        (800_000, -658.5660410876252),
        (1_000_000, -681.7596643536841),
    ],
)
def test_a_heavy_computation_has_the_originals_result(iterations: int, result: float) -> None:
    found = call("custom.heavyComputation", iterations=iterations, label="x")
    assert found["result"] == pytest.approx(result, rel=1e-10)
    assert (found["completed"], found["iterations"]) == (True, iterations)
    assert type(found["duration"]) is int


def test_a_heavy_computation_stops_when_told_to() -> None:
    looks = iter([False, False, True])
    with pytest.raises(Cancelled, match="4000 of 1000000"):
        call("custom.heavyComputation", Context(is_cancelled=lambda: next(looks)), iterations=1_000_000)


def test_a_heavy_computation_leaves_the_interpreter_to_others() -> None:
    ticks = 0
    work = threading.Thread(target=call, args=("custom.heavyComputation",), kwargs={"iterations": 1_000_000})
    work.start()
    while work.is_alive():
        time.sleep(0.0005)
        ticks += 1
    # Held for its usual 5 ms each time, the interpreter would be had some 40 times.
    assert ticks > 100


@pytest.mark.parametrize("iterations", [0, 1_000_001, 1.5])
def test_a_heavy_computation_is_bounded(iterations: object) -> None:
    with pytest.raises(InvalidInput, match="iterations"):
        call("custom.heavyComputation", iterations=iterations)


def test_a_workflow_is_finalized() -> None:
    assert without_times(call("custom.finalize", message="done")) == {"finalized": True}


@pytest.mark.parametrize(
    ("error", "message"),
    [
        ("boom", "boom"),
        ({"name": "ZeroDivisionError", "message": "Division by zero"}, "Division by zero"),
        ({"code": 5}, '{"code": 5}'),
        (None, "null"),
        (5, "5"),
    ],
)
def test_an_error_is_handled_by_its_message(error: object, message: str) -> None:
    found = call("custom.handleError", error=error, event={"any": 1})
    assert without_times(found) == {"handled": True, "errorMessage": message}


def test_a_notification_goes_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="c4c"):
        assert without_times(call("custom.sendNotification", message="Hi")) == {"sent": True}
        call("custom.sendNotification", message="Ho", channel="log")
    assert caplog.messages == ["[sendNotification] [log] Hi", "[sendNotification] [log] Ho"]


def test_a_notification_goes_by_mail(settings: Any) -> None:
    settings.C4C_NOTIFICATION_EMAILS = ["ops@example.org", "dev@example.org"]
    context = Context(workflow_name="Nightly\nreport")
    call("custom.sendNotification", context, message="All done\r\nBcc: x@example.org", channel="email")
    (sent,) = mail.outbox
    assert sent.to == ["ops@example.org", "dev@example.org"]
    assert sent.subject == "[Nightly report] All done"
    assert sent.body == "All done\r\nBcc: x@example.org"


def test_a_channel_without_configuration_says_what_to_configure(settings: Any) -> None:
    settings.C4C_NOTIFICATION_EMAILS = []
    with pytest.raises(NonRetryable, match=r"'email' is not configured; .* C4C_NOTIFICATION_EMAILS and"):
        call("custom.sendNotification", message="Hi", channel="email")


def test_an_unknown_channel_is_named_with_those_there_are() -> None:
    with pytest.raises(NonRetryable, match=r"'slack' is not configured; use one of: log, email"):
        call("custom.sendNotification", message="Hi", channel="slack")
