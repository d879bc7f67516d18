"""Waits, maps, loops, dags, sub-workflows and compensation, in a real executor on a real database."""

from __future__ import annotations

import pytest
from django.db import transaction

from executions import operations
from executions.models import Emission, Execution, Letter, NodeRun
from tests.executions.build import document, node, scripted, step
from tests.executions.engine import Ended, ended, has_status, is_called, open_gate, run, start, until
from workflows import library

pytestmark = pytest.mark.usefixtures("executor")


def stored(*nodes: object, id: str, **fields: object) -> str:
    """In the library, for other workflows to call."""
    library.publish(document(*nodes, id=id, **fields))  # type: ignore[arg-type]
    return id


def call(id: str, workflow: str, next: str | None = None, **config: object) -> dict[str, object]:
    return node("subworkflow", id, next, config={"workflowId": workflow, **config})


def parked(execution_id: str, awaits: str) -> NodeRun:
    """Once a run of it waits for that."""
    return until(
        lambda: NodeRun.objects.filter(execution=execution_id, awaits=awaits, status="waiting").first()
    )


def test_a_signal_reaches_an_execution_that_nobody_holds() -> None:
    id = start(
        node("wait", "w", "b", config={"signal": "go"}),
        step("b", output={"got": "${{ nodes.w.output.payload.n }}"}),
    )
    until(lambda: Execution.objects.get(pk=id).leased_by is None)
    has_status(id, "waiting")
    operations.signal(id, "go", {"n": 5}, actor="ann")
    assert ended(id).outputs["b"] == {"got": 5}


def test_a_signal_that_comes_before_its_wait_outlives_the_holder(executor: object) -> None:
    id = start(
        scripted("ahang", "g", "w", config={"gate": "early"}), node("wait", "w", config={"signal": "go"})
    )
    is_called(id, "g")
    operations.signal(id, "go", 1)
    open_gate("early")
    found = ended(id)
    assert found.outputs["w"]["payload"] == 1
    assert found.commands == [("signal", "applied")]


def test_an_event_wakes_all_that_wait_for_it_and_no_others() -> None:
    ids = [
        start(node("wait", "w", config={"event": "paid"}, key="input.order"), input={"order": n % 2})
        for n in range(4)
    ]
    for n, id in enumerate(ids):
        parked(id, f"event:paid:{n % 2}")
    with transaction.atomic():
        operations.emit("paid", {"sum": 1}, key="0")
    assert [ended(id).outputs["w"]["payload"] for id in ids[::2]] == [{"sum": 1}] * 2
    assert Execution.objects.get(pk=ids[1]).status == "waiting"
    operations.emit("paid", {"sum": 2}, key="1")
    assert ended(ids[3]).outputs["w"]["payload"] == {"sum": 2}
    until(lambda: not Emission.objects.filter(delivered_at=None).exists())


def test_an_event_that_came_after_the_start_and_before_the_wait_counts() -> None:
    id = start(
        scripted("ahang", "g", "w", config={"gate": "late"}), node("wait", "w", config={"event": "soon"})
    )
    is_called(id, "g")
    operations.emit("soon", {"n": 1})
    until(lambda: not Emission.objects.filter(name="soon", delivered_at=None).exists())
    open_gate("late")
    assert ended(id).outputs["w"]["payload"] == {"n": 1}


def test_an_emit_that_is_rolled_back_has_never_been() -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        operations.emit("never", {})
        raise ZeroDivisionError
    assert not Emission.objects.filter(name="never").exists()


def test_a_parent_has_its_childs_outputs_and_grandchildren_are_waited_for() -> None:
    leaf = stored(step("x", output={"n": "${{ input.n + 1 }}"}), id="leaf")
    middle = stored(
        call("down", leaf, input={"n": "${{ input.n + 1 }}"}, mergeOutputs=True),
        id="middle",
        outputs={"n": "${{ vars.x.n }}"},
    )
    found = run(call("s", middle, input={"n": 1}))
    assert found.outputs["s"]["outputs"] == {"n": 3}
    child = Execution.objects.get(parent=found.id)
    assert (child.status, child.trigger, child.parent_run) == ("completed", "subworkflow", 0)
    assert Ended(child.id).row.trace_id == found.row.trace_id
    assert not Letter.objects.exists()


def test_a_cancel_goes_down_to_the_grandchildren_and_all_have_ended_before_the_parent() -> None:
    leaf = stored(scripted("ahang", "g", config={"gate": "never opened"}), id="stuck-leaf")
    middle = stored(call("down", leaf), id="stuck-middle")
    id = start(call("s", middle))
    below = until(lambda: Execution.objects.filter(parent__parent=id).first())
    is_called(below.id, "g")
    operations.cancel(id, reason="enough")
    assert ended(id).status == "cancelled"
    family = [Execution.objects.get(parent=id), Execution.objects.get(pk=below.id)]
    assert [each.status for each in family] == ["cancelled", "cancelled"]
    assert all(each.ended_at <= Execution.objects.get(pk=id).ended_at for each in family)


def test_an_abandoned_child_goes_on() -> None:
    leaf = stored(scripted("ahang", "g", config={"gate": "abandoned"}), id="left-leaf")
    id = start(call("s", leaf, onParentClose="abandon"))
    child = until(lambda: Execution.objects.filter(parent=id).first())
    is_called(child.id, "g")
    operations.cancel(id)
    assert ended(id).status == "cancelled"
    open_gate("abandoned")
    assert ended(child.id).status == "completed"


def test_a_childs_failure_is_its_nodes_and_an_unknown_workflow_too() -> None:
    broken = stored(scripted("fail", "f", config={}), id="broken-leaf")
    assert run(call("s", broken)).error["name"] == "ChildFailed"
    assert run(call("s", "nowhere")).error["name"] == "WorkflowNotFound"


def test_who_calls_itself_is_stopped() -> None:
    stored(call("again", "endless"), id="endless")
    found = ended(operations.start("endless").id)
    assert found.status == "failed"


def test_a_thousand_items() -> None:
    body = step("b", output={"n": "${{ item * 2 }}"})
    found = run(
        node("map", "m", config={"items": "input.all", "branch": "b", "concurrency": 200}),
        body,
        input={"all": list(range(1000))},
    )
    assert [each["n"] for each in found.outputs["m"]["results"]] == [2 * n for n in range(1000)]


def test_what_completed_is_undone_when_the_rest_fails() -> None:
    found = run(
        step("a", "b", compensate="ua"),
        step("b", "c", compensate="ub"),
        scripted("fail", "c", config={}),
        step("ua"),
        step("ub"),
    )
    assert (found.status, found.error["nodeId"]) == ("failed", "c")
    assert [run.node_id for run in found.runs] == ["a", "b", "c", "ub", "ua"]
