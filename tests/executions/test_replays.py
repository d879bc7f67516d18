"""What real executors did, once more in memory: the same; and what a change would have made of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from executions import operations
from executions.executor import Executor
from executions.testing.kit import Kit
from executions.testing.replays import exported
from executions.testing.script import ScriptError
from tests.executions.build import delay, fork, node, scripted
from tests.executions.engine import ended, has_status, run, start
from workflows import library

pytestmark = pytest.mark.usefixtures("executor")
TWICE = {"maxAttempts": 3, "initialInterval": 0.05, "jitter": 0.5}


def ok(id: str, next: str | None = None, **fields: Any) -> dict[str, Any]:
    return scripted("aok", id, next, config={"output": {f"v_{id}": id}}, **fields)


def test_retries_branches_and_handlers_happen_again(c4c: Kit) -> None:
    real = run(
        ok("a", "f"),
        fork("f", ["b", "c"], "d"),
        scripted("afail", "b", config={"times": 1}, retry=TWICE),
        scripted("afail", "c", onError="h"),
        ok("h"),
        delay("d", 0.05, "e"),
        ok("e"),
    )
    assert real.status == "completed"
    c4c.replay(real.id).expect_same()


def test_a_failure_happens_again_and_what_was_done_is_undone_again(c4c: Kit) -> None:
    real = run(ok("a", "b", compensate="u"), scripted("afail", "b"), ok("u"))
    assert real.status == "failed"
    assert c4c.replay(real.id).expect_same().result.executed == ["a", "b", "u"]


def test_words_come_again_when_they_came(c4c: Kit) -> None:
    waits = node("wait", "w", "v", config={"signal": "go"})
    execution_id = start(waits, node("wait", "v", config={"event": f"e-{id(waits)}"}))
    has_status(execution_id, "waiting")
    operations.signal(execution_id, "go", {"n": 1})
    operations.emit(f"e-{id(waits)}", {"n": 2})
    assert ended(execution_id).status == "completed"
    c4c.replay(execution_id).expect_same()


def test_a_cancel_comes_again(c4c: Kit) -> None:
    execution_id = start(scripted("ahang", "a"))
    has_status(execution_id, "running")
    operations.cancel(execution_id, reason="enough")
    assert ended(execution_id).status == "cancelled"
    c4c.replay(execution_id).expect_same()


def test_other_executions_are_not_started_again(c4c: Kit, executor: Executor) -> None:
    library.publish({"id": "inner-r", "name": "i", "version": "1", "startNode": "x", "nodes": [ok("x")]})
    real = run(node("subworkflow", "s", "a", config={"workflowId": "inner-r"}), ok("a"))
    assert real.status == "completed"
    c4c.replay(real.id).expect_same()


def test_a_record_can_be_taken_elsewhere_and_a_changed_definition_is_told(c4c: Kit) -> None:
    real = run(scripted("afail", "a", onError="h"), ok("h"))
    record = json.loads(json.dumps(exported(real.id)))
    c4c.replay(record).expect_same()
    record["workflow"]["nodes"][0].pop("onError")
    with pytest.raises(AssertionError, match=r"workflow\.failed"):
        c4c.replay(record).expect_same()


def test_what_went_on_from_other_results_is_refused(c4c: Kit) -> None:
    real = run(ok("a", "b"), scripted("afail", "b", config={"times": 1}))
    again = ended(operations.retry(real.id).id)
    with pytest.raises(ScriptError, match="another execution"):
        c4c.replay(again.id)
