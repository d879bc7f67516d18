"""What happens inside an attempt: what it tells, how long it may take, and what its failures ask for."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from email.utils import formatdate
from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings

from executions import operations
from executions.executor import Executor
from executions.executor.attempts.retry_after import retry_after_of
from executions.executor.attempts.telling import Pace, Teller
from executions.models import NodeRun
from procedures import LimitExceeded
from tests.executions.build import scripted
from tests.executions.engine import Ended, ended, executing, is_called, open_gate, run, start, until
from tests.scripted.models import Call
from tests.scripted.procedures import Busy

ONCE_MORE = {"maxAttempts": 2, "initialInterval": 0.01, "jitter": 0}
TELLING = ["tells", "atells"]


@pytest.fixture(scope="module", autouse=True)
def executor(database: None) -> Iterator[Executor]:
    with (
        override_settings(C4C={**settings.C4C, "MAX_LOG_LINES": 20, "MAX_STREAM_BYTES": 1000}),
        executing(threads=2) as running,
    ):
        yield running


def told(found: Ended, key: str) -> list[Any]:
    """What the log's progress says of it, in order."""
    return [data[key] for data in found.told("node.progress") if key in data]


def before_the_end(found: Ended) -> list[str]:
    return found.types[: found.types.index("node.completed")]


# What it tells


@pytest.mark.parametrize("name", TELLING)
def test_progress_told_a_thousand_times_is_a_few_events_and_the_last_one_is_among_them(name: str) -> None:
    what = [["progress", n / 1000, f"{n}"] for n in range(1001)]
    found = run(scripted(name, "a", config={"what": what}))
    fractions = told(found, "progress")
    assert fractions[-1] == 1.0
    assert told(found, "message")[-1] == "1000"
    assert fractions == sorted(fractions)
    assert len(fractions) < 100


@pytest.mark.parametrize("name", TELLING)
def test_what_is_told_of_one_thing_at_a_time_comes_together(name: str) -> None:
    what = [["progress", 0.5], *[["progress", None, f"word {n}"] for n in range(50)]]
    found = run(scripted(name, "a", config={"what": what}))
    assert (told(found, "progress")[-1], told(found, "message")[-1]) == (0.5, "word 49")


@pytest.mark.parametrize("name", TELLING)
def test_a_stream_can_be_put_together_from_the_log_and_is_there_before_the_end(name: str) -> None:
    words = [f"wörd{n} " for n in range(100)]
    what: list[list[Any]] = [["stream", word] for word in words]
    what.insert(50, ["sleep", 0.12])
    found = run(scripted(name, "a", config={"what": what}))
    text = ""
    for data in found.told("node.progress"):
        assert data["offset"] == len(text)
        text += data["chunk"]
    assert text == "".join(words)
    assert 2 <= len(told(found, "chunk")) < 50
    assert before_the_end(found).count("node.progress") == len(told(found, "chunk"))


def test_each_attempt_streams_from_its_own_beginning() -> None:
    config = {"what": [["stream", "Once upon"]], "times": 1}
    found = run(scripted("tells", "a", config=config, retry=ONCE_MORE))
    chunks = [(data["attempt"], data["offset"], data["chunk"]) for data in found.told("node.progress")]
    assert chunks == [(1, 0, "Once upon"), (2, 0, "Once upon")]


def test_more_than_may_be_kept_of_a_stream_fails_the_attempt_that_tells_it() -> None:
    found = run(scripted("tells", "a", config={"what": [["stream", "x" * 900], ["stream", "y" * 101]]}))
    assert found.error is not None
    assert found.error["name"] == "LimitExceeded"
    assert "MAX_STREAM_BYTES" in found.error["message"]
    assert told(found, "chunk") == ["x" * 900]


def test_what_cannot_be_stored_of_a_stream_is_shown_as_such() -> None:
    found = run(scripted("tells", "a", config={"what": [["log", "nothing"]]}))
    assert found.status == "completed"
    heard: list[tuple[str, Any]] = []
    Teller(lambda kind, value: heard.append((kind, value))).stream("a\0b\ud800c")
    assert heard == [("stream", "a\N{SYMBOL FOR NULL}b?c")]


@pytest.mark.parametrize("name", ["murmurs", "apart-murmurs"])
def test_a_secret_that_is_streamed_in_pieces_is_masked_all_the_same(name: str) -> None:
    config = {"password": "open sesame", "pieces": ["say op", "en ses", "a", "me twice: open", " sesame. op"]}
    found = run(scripted(name, "a", config=config))
    assert found.status == "completed"
    assert "".join(told(found, "chunk")) == "say *** twice: ***. op"


@pytest.mark.parametrize("name", TELLING)
def test_its_log_is_in_the_log_up_to_a_limit(name: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "c4c.procedure"):
        found = run(scripted(name, "a", config={"what": [["log", f"line {n}"] for n in range(50)]}))
    assert told(found, "message")[:20] == [f"line {n}" for n in range(20)]
    assert set(told(found, "level")[:20]) == {"info"}
    (rest,) = told(found, "message")[20:]
    assert "MAX_LOG_LINES" in rest
    assert len([record for record in caplog.records if record.name == f"c4c.procedure.scripted.{name}"]) == 50


@pytest.mark.parametrize("name", TELLING)
def test_the_next_attempt_finds_what_the_last_told_with_its_heartbeat(name: str) -> None:
    what = [["heartbeat", {"page": n}] for n in range(200)] + [["heartbeat"]]
    found = run(scripted(name, "a", config={"what": what, "times": 1}, retry=ONCE_MORE))
    assert found.outputs == {"a": {"page": 199}}
    assert "node.progress" not in found.types


def test_details_are_written_while_it_runs() -> None:
    execution = start(scripted("tells", "a", config={"what": [["heartbeat", {"page": 1}], ["sleep", 5]]}))
    until(lambda: NodeRun.objects.filter(execution=execution, details={"page": 1}).exists())
    operations.cancel(execution, force=True)
    ended(execution)


@pytest.mark.parametrize(
    ("details", "reason"),
    [(object(), "not JSON"), ("x" * 70_000, "at most"), ("a\0b", "NUL"), ({1: 2}, "not JSON")],
)
def test_details_that_cannot_be_kept_are_refused_where_they_are_told(details: Any, reason: str) -> None:
    heard: list[Any] = []
    with pytest.raises(ValueError, match=reason):
        Teller(lambda kind, value: heard.append(value)).heartbeat(details)
    assert heard == []


def test_details_are_kept_as_they_were_when_they_were_told() -> None:
    heard: list[Any] = []
    details = {"pages": [1]}
    Teller(lambda kind, value: heard.append(value)).heartbeat(details)
    details["pages"].append(2)
    assert heard == [{"pages": [1]}]


def test_a_stream_takes_text_alone() -> None:
    with pytest.raises(TypeError, match="text, not bytes"):
        Teller(lambda kind, value: None).stream(b"x")  # type: ignore[arg-type]


def test_the_limit_of_a_stream_counts_what_is_stored() -> None:
    teller = Teller(lambda kind, value: None)
    teller.stream("ü" * 499)
    with pytest.raises(LimitExceeded):
        teller.stream("üü")
    teller.stream("ü")


def test_a_transactional_procedure_tells_before_its_end_as_well() -> None:
    found = run(scripted("confides", "a", config={"text": "told in a transaction"}))
    assert found.status == "completed"
    assert told(found, "progress") == [0.5, 1.0] or told(found, "progress") == [1.0]
    assert before_the_end(found).count("node.progress") == len(found.told("node.progress"))


def test_nothing_is_told_after_the_end() -> None:
    config = {"what": [["sleep", 0.5], ["progress", 0.5], ["log", "late"], ["heartbeat", {"late": True}]]}
    execution = start(scripted("tells", "a", config=config))
    is_called(execution, "a")
    operations.cancel(execution, force=True)
    found = ended(execution)
    run(scripted("tells", "b", config={"what": [["sleep", 0.7]]}))
    assert Ended(found.id).types == found.types
    assert found.told("node.progress") == []


def test_a_pace_lets_a_burst_through_and_then_one_at_a_time() -> None:
    pace, now, gone = Pace(0.1, burst=3), 1000.0, []
    for _ in range(200):
        if pace.wait(now) <= 0:
            pace.spend(now)
            gone.append(now)
        now += 0.01
    assert len([at for at in gone if at < 1000.05]) == 3
    assert 20 <= len(gone) <= 23


# How long it may take


@pytest.mark.parametrize("name", ["hang", "ahang"])
def test_user_code_that_tells_no_heartbeat_in_time_fails_for_that(name: str) -> None:
    config = {"times": 1, "output": 1, "gate": f"heartbeat {name}", "stubborn": True}
    found = run(scripted(name, "a", config=config, timeout={"heartbeat": 0.2}, retry=ONCE_MORE))
    open_gate(f"heartbeat {name}")
    assert found.status == "completed"
    (past,) = found.of("a").attempts
    assert past["error"]["name"] == "TimeoutError"
    assert past["error"]["message"] == "no heartbeat within 0.2 s (timeout.heartbeat)"


@pytest.mark.parametrize("name", TELLING)
def test_user_code_that_tells_its_heartbeat_may_take_longer(name: str) -> None:
    what = [*[["heartbeat"], ["sleep", 0.15]] * 8]
    found = run(scripted(name, "a", config={"what": what}, timeout={"heartbeat": 1.0}))
    assert found.status == "completed"
    assert found.row.ended_at - found.of("a").started_at > found.of("a").started_at - found.row.started_at


def test_what_waits_too_long_for_a_thread_fails_for_that_and_may_be_tried_again() -> None:
    held = [start(scripted("hang", "a", config={"gate": "busy"})) for _ in range(2)]
    for execution in held:
        is_called(execution, "a")
    retry = {"maxAttempts": 100, "initialInterval": 0.05, "backoff": 1, "retryOn": ["TimeoutError"]}
    execution = start(scripted("ok", "a", timeout={"scheduleToStart": 0.1}, retry=retry))
    until(lambda: NodeRun.objects.filter(execution=execution, attempt__gt=2).exists())
    assert not Call.objects.filter(execution=execution).exists()
    open_gate("busy")
    found = ended(execution)
    assert found.status == "completed"
    told = "user code was not called within 0.1 s (timeout.scheduleToStart)"
    assert {past["error"]["message"] for past in found.of("a").attempts} == {told}
    for execution in held:
        ended(execution)


def test_what_begins_in_time_is_not_held_to_its_start() -> None:
    found = run(scripted("tells", "a", config={"what": [["sleep", 0.6]]}, timeout={"scheduleToStart": 0.5}))
    assert found.status == "completed"
    found = run(scripted("sleep", "a", config={"seconds": 0.6}, timeout={"scheduleToStart": 0.5}))
    assert found.status == "completed"


def test_a_procedure_may_declare_its_own_timeouts_and_a_nodes_word_wins() -> None:
    found = run(scripted("hasty", "a", config={"seconds": 30}))
    assert found.error is not None
    assert found.error["message"] == "no end within 0.2 s (timeout.startToClose)"
    assert run(scripted("hasty", "a", config={"seconds": 0.3}, timeout=20)).status == "completed"


# What its failures ask for


def test_a_servers_word_when_to_come_again_beats_the_back_off() -> None:
    retry = {"maxAttempts": 2, "initialInterval": 3600}
    found = run(scripted("busy", "a", config={"after": "0", "output": 1}, retry=retry))
    assert (found.status, found.of("a").attempt) == ("completed", 2)


def test_a_servers_word_does_not_stand_for_a_policy() -> None:
    found = run(scripted("busy", "a", config={"after": "0"}))
    assert (found.status, found.calls("a")) == ("failed", 1)


def test_a_long_time_that_a_server_asks_for_is_waited_in_the_database() -> None:
    retry = {"maxAttempts": 2, "initialInterval": 0.01}
    execution = start(scripted("busy", "a", config={"after": "120"}, retry=retry))
    waiting = NodeRun.objects.filter(execution=execution, status="retrying")
    row = until(waiting.first)
    assert 110 < (row.available_at - row.attempt_at).total_seconds() < 130
    operations.cancel(execution)
    ended(execution)


class Headers(Exception):
    """As urllib's HTTPError and aiohttp's errors have them."""

    def __init__(self, headers: Any) -> None:
        self.headers = headers
        super().__init__("429")


class Odd(Exception):
    @property
    def response(self) -> Any:
        raise RuntimeError("no response has been set")


def raised_from(cause: Exception) -> Exception:
    try:
        raise ValueError("wrapped") from cause
    except ValueError as error:
        return error


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (Busy({"Retry-After": "7"}), 7),
        (Busy({"retry-after": " 7 "}), 7),
        (Headers({"Retry-After": "7"}), 7),
        (raised_from(Headers({"Retry-After": "7"})), 7),
        (Busy({"Retry-After": "999999999999999"}), 60),
        (Busy({"Retry-After": formatdate(0, usegmt=True)}), 0),
        (Busy({"Retry-After": "soon"}), None),
        (Busy({"Retry-After": "-5"}), None),
        (Busy({}), None),
        (Headers(None), None),
        (Headers({"Retry-After": 7}), None),
        (Odd(), None),
        (ValueError(), None),
    ],
)
def test_retry_after_is_read_wherever_an_exception_carries_it(error: Exception, seconds: float) -> None:
    assert retry_after_of(error, 60) == seconds


def test_retry_after_may_be_a_date() -> None:
    found = retry_after_of(Busy({"Retry-After": formatdate(time.time() + 30, usegmt=True)}), 60)
    assert found is not None
    assert 25 < found <= 30


def test_a_policy_may_name_a_base_of_the_error() -> None:
    config = {"error": "ConnectionResetError", "times": 1}
    retry = {**ONCE_MORE, "retryOn": ["ConnectionError"]}
    found = run(scripted("fail", "a", config=config, retry=retry))
    assert found.status == "completed"
    assert found.of("a").attempts[0]["error"]["name"] == "ConnectionResetError"
    found = run(scripted("fail", "a", config=config, retry={**ONCE_MORE, "nonRetryable": ["OSError"]}))
    assert found.error is not None
    assert (found.error["name"], found.calls("a")) == ("ConnectionResetError", 1)
    assert (
        run(scripted("fail", "a", config=config, retry={**ONCE_MORE, "retryOn": ["KeyError"]})).calls("a")
        == 1
    )
