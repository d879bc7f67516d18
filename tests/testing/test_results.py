"""What a test asks of a result, and what it is told where it expected something else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from executions.testing.kit import Kit
from tests.executions.build import delay, document, step

ORDER = document(step("charge", "wait"), delay("wait", 60, "ship"), step("ship"))


def test_what_was_expected_can_be_said_in_a_row(c4c: Kit) -> None:
    result = c4c.run(ORDER)
    result.expect_completed({"ship": {"v_ship": "ship"}}).expect_executed("charge", "ship")
    result.expect_not_executed("refund")
    assert result.node("ship").output == {"v_ship": "ship"}
    assert [event["nodeId"] for event in result.told("node.started")] == ["charge", "wait", "ship"]


def test_another_status_is_told_with_the_story(c4c: Kit) -> None:
    c4c.fail("ship", "LostParcel", message="no trace of it")
    result = c4c.run(ORDER)
    with pytest.raises(AssertionError) as told:
        result.expect_completed()
    assert "expected completed; small is failed: LostParcel: no trace of it" in str(told.value)
    assert "0:01:00  node.failed  ship" in str(told.value)


def test_other_outputs_are_told(c4c: Kit) -> None:
    with pytest.raises(AssertionError, match="'ship': 1"):
        c4c.run(ORDER).expect_completed({"ship": 1})


def test_another_error_is_told(c4c: Kit) -> None:
    c4c.fail("ship", "LostParcel")
    result = c4c.run(ORDER).expect_failed("LostParcel", node="ship")
    with pytest.raises(AssertionError, match="whose name is Declined"):
        result.expect_failed("Declined")
    with pytest.raises(AssertionError, match="whose nodeId is charge"):
        result.expect_failed(node="charge")


def test_another_order_is_told(c4c: Kit) -> None:
    with pytest.raises(AssertionError, match="ship, charge in this order, got charge, wait, ship"):
        c4c.run(ORDER).expect_executed("ship", "charge")
    with pytest.raises(AssertionError, match="ship not to run"):
        c4c.run(ORDER).expect_not_executed("ship")
    with pytest.raises(AssertionError, match="refund to have run"):
        c4c.run(ORDER).node("refund")


def test_what_it_waits_for_is_told(c4c: Kit) -> None:
    with pytest.raises(AssertionError, match=r"waiting \(wait: sleeping until"):
        c4c.run(ORDER, until=1).expect_completed()


# Golden sequences


def test_a_sequence_is_recorded_and_compared(c4c: Kit, tmp_path: Path) -> None:
    path = tmp_path / "golden" / "order.json"
    c4c.run(ORDER).golden(str(path))
    recorded = json.loads(path.read_text())
    assert recorded["workflow"] == "small"
    assert [event["type"] for event in recorded["events"]][-1] == "workflow.completed"
    assert "wf_exec" not in path.read_text()
    c4c.run(ORDER).golden(str(path))


def test_a_change_is_told_as_a_diff(c4c: Kit, tmp_path: Path) -> None:
    path = str(tmp_path / "order.json")
    c4c.run(ORDER).golden(path)
    c4c.fail("ship", "LostParcel")
    with pytest.raises(AssertionError) as told:
        c4c.run(ORDER).golden(path)
    assert "-{" in str(told.value) and "+{" in str(told.value)
    assert "LostParcel" in str(told.value)
    assert "--c4c-update" in str(told.value)


def test_it_is_recorded_anew_when_asked(tmp_path: Path) -> None:
    Kit(folder=str(tmp_path)).run(ORDER).golden("order.json")
    shorter = document(step("charge"))
    Kit(folder=str(tmp_path), update=True).run(shorter).golden("order.json")
    Kit(folder=str(tmp_path)).run(shorter).golden("order.json")


def test_what_differs_from_run_to_run_can_be_left_out(c4c: Kit, tmp_path: Path) -> None:
    path = str(tmp_path / "order.json")
    for number in (1, 2):
        c4c.answer("ship", {"number": number})
        c4c.run(ORDER).golden(path, ignore=["number"])
