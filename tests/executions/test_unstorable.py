"""What a procedure returns and the database cannot hold fails its own node, and nothing else."""

from __future__ import annotations

import pytest

from tests.executions.build import fork, scripted, step
from tests.executions.engine import ended, run, start
from tests.scripted.procedures import LOADS

pytestmark = pytest.mark.usefixtures("executor")


@pytest.mark.parametrize("load", LOADS)
def test_f19_a_result_that_cannot_be_stored_fails_its_node_and_says_why(load: str) -> None:
    found = run(step("a", "b"), scripted("returns", "b", config={"load": load}))
    assert (found.status, found.statuses) == ("failed", {"a": "completed", "b": "failed"})
    assert found.error is not None
    assert (found.error["name"], found.error["nodeId"]) == ("InvalidOutput", "b")
    assert found.error["message"]


def test_such_a_failure_is_caught_as_any_other_and_not_retried() -> None:
    retry = {"maxAttempts": 5, "initialInterval": 0.01}
    found = run(scripted("returns", "a", config={"load": "nul"}, retry=retry, onError="h"), step("h"))
    assert (found.status, found.calls("a")) == ("completed", 1)


def test_f19_neighbours_in_the_same_execution_and_in_others_take_no_harm() -> None:
    others = [start(step("a", "b"), step("b")) for _ in range(20)]
    bad = start(
        fork("f", [*(f"bad{n}" for n in range(len(LOADS))), "good"], join={"policy": "any"}),
        *(scripted("returns", f"bad{n}", config={"load": load}) for n, load in enumerate(LOADS)),
        step("good"),
    )
    others += [start(step("a", "b"), step("b")) for _ in range(20)]
    assert ended(bad).status == "completed"
    assert {ended(other).status for other in others} == {"completed"}


@pytest.mark.parametrize("message", ["a\0b", "\ud800", "x" * 100_000, ""])
def test_an_error_may_say_what_it_likes(message: str) -> None:
    found = run(scripted("shout", "a", config={"codes": [ord(letter) for letter in message]}))
    assert found.status == "failed"
    assert found.error is not None
    assert found.error["name"] == "Surrendered"
    assert 0 < len(found.error["message"]) <= 4000
