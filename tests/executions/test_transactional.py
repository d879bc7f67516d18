"""``transactional=True``: what a procedure writes and its node's transition are one transaction."""

from __future__ import annotations

from itertools import count

import pytest

from executions import operations
from executions.models import NodeRun
from tests.executions.build import fork, scripted, step
from tests.executions.engine import ended, is_blocked, open_gate, run, start, until
from tests.scripted.models import Note

pytestmark = pytest.mark.usefixtures("executor")

_texts = (f"note {number}" for number in count())
ONCE_MORE = {"maxAttempts": 2, "initialInterval": 0.01, "jitter": 0}


def notes(text: str) -> int:
    return Note.objects.filter(text=text).count()


def test_its_writes_are_there_as_soon_as_its_node_is_completed() -> None:
    text = next(_texts)
    found = run(scripted("write", "a", "b", config={"text": text, "output": {"x": 1}}), step("b"))
    assert (found.status, found.outputs["a"], notes(text)) == ("completed", {"x": 1}, 1)
    assert [event.seq for event in found.events] == list(range(1, len(found.events) + 1))


def test_nothing_of_a_failed_one_is_written() -> None:
    text = next(_texts)
    found = run(scripted("write", "a", config={"text": text, "times": 1}))
    assert (found.status, notes(text)) == ("failed", 0)


def test_what_a_failed_attempt_wrote_is_gone_before_the_next_one_writes() -> None:
    text = next(_texts)
    found = run(scripted("write", "a", config={"text": text, "times": 1}, retry=ONCE_MORE))
    assert (found.status, found.of("a").attempt, notes(text)) == ("completed", 2, 1)


def test_a_constraint_that_fails_on_commit_fails_the_node_and_nothing_is_written() -> None:
    text = next(_texts)
    found = run(
        scripted("write", "a", "b", config={"text": text, "times": 1, "then": "clash"}, onError="h"),
        step("b"),
        step("h", output={"told": "${{ error.name }}"}),
    )
    assert (found.status, notes(text)) == ("completed", 0)
    assert found.statuses == {"a": "failed", "h": "completed"}
    assert found.outputs["h"] == {"told": "IntegrityError"}
    assert [event.seq for event in found.events] == list(range(1, len(found.events) + 1))


def test_a_constraint_that_fails_on_commit_is_a_failure_as_any_other_to_the_retry_policy() -> None:
    text = next(_texts)
    config = {"text": text, "times": 1, "then": "clash"}
    found = run(scripted("write", "a", config=config, retry=ONCE_MORE))
    assert (found.status, found.of("a").attempt, notes(text)) == ("completed", 2, 1)
    assert found.of("a").attempts[0]["error"]["name"] == "IntegrityError"


def test_one_that_is_told_to_stop_writes_nothing() -> None:
    text = next(_texts)
    execution = start(scripted("write", "a", config={"text": text, "gate": f"never {text}"}))
    until(lambda: NodeRun.objects.filter(execution=execution, status="running"))
    operations.cancel(execution)
    assert ended(execution).statuses == {"a": "cancelled"}
    assert notes(text) == 0


def test_one_whose_branch_has_lost_writes_nothing() -> None:
    text = next(_texts)
    found = run(
        fork("f", ["a", "b"], join={"policy": "any"}),
        scripted("write", "a", config={"text": text, "gate": f"never {text}"}),
        step("b"),
    )
    assert (found.statuses["a"], found.status, notes(text)) == ("cancelled", "completed", 0)


def test_many_at_once_in_one_execution_are_all_written_and_the_log_is_dense() -> None:
    texts = [next(_texts) for _ in range(8)]
    names = [f"w{number}" for number in range(8)]
    nodes = [scripted("write", name, config={"text": text}) for name, text in zip(names, texts, strict=True)]
    found = run(fork("f", [*names, "b"], "end"), *nodes, step("b"), step("end"))
    assert found.status == "completed"
    assert Note.objects.filter(text__in=texts).count() == 8
    assert [event.seq for event in found.events] == list(range(1, len(found.events) + 1))


def test_another_branch_goes_on_while_one_is_in_its_transaction() -> None:
    text = next(_texts)
    execution = start(
        fork("f", ["a", "b"]),
        scripted("write", "a", config={"text": text, "gate": text}),
        step("b", "c"),
        step("c"),
    )
    until(lambda: NodeRun.objects.filter(execution=execution, node_id="c", status="completed"))
    assert not is_blocked()
    open_gate(text)
    assert (ended(execution).status, notes(text)) == ("completed", 1)


def test_an_output_that_cannot_be_stored_takes_the_writes_with_it() -> None:
    text = next(_texts)
    found = run(scripted("write", "a", config={"text": text, "bad": True}))
    assert (found.status, notes(text)) == ("failed", 0)
    assert found.error is not None
    assert found.error["name"] == "InvalidOutput"


def test_it_may_read_another_database_and_not_write_there(elsewhere: str) -> None:
    text = next(_texts)
    read = run(scripted("scatter", "a", config={"text": text, "using": elsewhere, "writes": False}))
    assert (read.status, notes(text)) == ("completed", 1)
    text = next(_texts)
    wrote = run(scripted("scatter", "a", config={"text": text, "using": elsewhere}, retry=ONCE_MORE))
    assert (wrote.status, wrote.error["name"], wrote.calls("a")) == ("failed", "ForeignWrite", 0)
    assert "'elsewhere'" in wrote.error["message"]
    assert (notes(text), notes(f"{text} elsewhere"), wrote.of("a").attempt) == (0, 0, 1)
