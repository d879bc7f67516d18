from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest

from c4c_site.demo import workflows as demo
from workflows import checks, discovery
from workflows.builder import Workflow, workflow
from workflows.definition import Concurrency, Join, RetryPolicy, Timeout, dump, parse
from workflows.expressions import expression


def test_a_workflow_is_written_as_it_is_read() -> None:
    order = workflow("order", name="Order", description="Sends it", variables={"sum": 0}, node_runs=50)
    fetch = order.procedure("fetch", "data.fetch", userId="user123", retry=RetryPolicy(max_attempts=5))
    premium = order.procedure("premium", "data.process", mode="premium", timeout=Timeout(start_to_close=2))
    basic = order.procedure("basic", "data.process", mode="basic", timeout=3, queue="slow")
    save = order.procedure("save", "data.save", on_error="told")
    check = order.condition("check", "isPremium === true", true=premium, false="basic")
    order.procedure("told", "custom.handleError", error="${{ error }}")

    assert (fetch >> check) is check
    [premium, basic] >> save

    assert order.definition() == {
        "id": "order",
        "name": "Order",
        "description": "Sends it",
        "version": "1.0.0",
        "variables": {"sum": 0},
        "limits": {"nodeRuns": 50},
        "startNode": "fetch",
        "nodes": [
            {
                "id": "fetch",
                "type": "procedure",
                "procedureName": "data.fetch",
                "config": {"userId": "user123"},
                "retry": {"maxAttempts": 5},
                "next": "check",
            },
            {
                "id": "premium",
                "type": "procedure",
                "procedureName": "data.process",
                "config": {"mode": "premium"},
                "timeout": {"startToClose": 2},
                "next": "save",
            },
            {
                "id": "basic",
                "type": "procedure",
                "procedureName": "data.process",
                "config": {"mode": "basic"},
                "timeout": 3,
                "queue": "slow",
                "next": "save",
            },
            {"id": "save", "type": "procedure", "procedureName": "data.save", "onError": "told"},
            {
                "id": "check",
                "type": "condition",
                "config": {
                    "expression": "isPremium === true",
                    "trueBranch": "premium",
                    "falseBranch": "basic",
                },
            },
            {
                "id": "told",
                "type": "procedure",
                "procedureName": "custom.handleError",
                "config": {"error": "${{ error }}"},
            },
        ],
    }
    parse(order.definition())


def test_every_kind_can_be_written() -> None:
    wf = workflow("all")
    come = wf.trigger("come", "slack.events")
    both = wf.parallel("both", ["one", "two"], join=Join(percent=20))
    wf.procedure("one", SimpleNamespace(name="math.add"), config={"name": "an input"}, name="First")
    wf.delay("two", seconds="${{ vars.pause }}", next="three")
    wf.delay("three", until="2026-01-01T00:00:00Z")
    go = wf.switch("go", {"vars.a > 1": "end", "vars.a < 1": None}, default="end")
    end = wf.sequential("end")

    come >> both >> go

    read = parse(wf.definition())
    assert [node.kind for node in read.nodes.values()] == [
        "trigger", "parallel", "procedure", "delay", "delay", "switch", "sequential",
    ]  # fmt: skip
    assert read.nodes["one"].name == "First"
    assert read.nodes["one"].config.value == {"name": "an input"}
    assert read.nodes["both"].join == Join(percent=20)  # type: ignore[attr-defined]
    assert read.start_node == "come"
    assert end.id == "end"


def test_kinds_that_wait_repeat_and_depend_can_be_written() -> None:
    wf = workflow(
        "strong",
        concurrency=[3, Concurrency(limit=1, key=expression("input.tenant"))],
        rate={"limit": 5, "seconds": 60, "key": "input.tenant"},
        fairness="input.tenant",
        queue="slow",
    )
    undo = wf.procedure("undo", "stock.release", of="${{ item }}")
    hold = wf.procedure("hold", "stock.hold", compensate=undo, key="input.order")
    paid = wf.wait("paid", event="payment", key="input.order", timeout=60)
    wf.wait("go", signal="go on")
    wf.wait("told", approval={"users": ["ada"], "message": "${{ vars.sum }}"})
    each = wf.map("each", "vars.items", "one", as_="thing", concurrency=5, tolerate="10%")
    wf.procedure("one", "math.add")
    again = wf.loop("again", "two", while_="vars.left > 0", limit=9)
    wf.procedure("two", "math.add")
    wf.loop("over", "go", for_each=[1, 2], as_="number")
    three, four = wf.procedure("three", "math.add"), wf.procedure("four", "math.add")
    tasks = wf.dag("tasks", {three: [], four: [three]}, on_failure="continue")
    other = wf.subworkflow("other", wf, input={"a": 1}, merge_outputs=True, on_parent_close="abandon")
    over = wf.sequential("end", next="over")

    hold >> paid >> each >> again >> tasks >> other >> over

    written = {node["id"]: node for node in wf.definition()["nodes"]}
    assert wf.definition()["startNode"] == "hold"
    assert wf.definition()["limits"] == {
        "concurrency": [3, {"limit": 1, "key": "input.tenant"}],
        "rate": {"limit": 5, "seconds": 60, "key": "input.tenant"},
        "fairness": "input.tenant",
        "queue": "slow",
    }
    assert written["hold"]["compensate"] == "undo" and written["hold"]["key"] == "input.order"
    assert written["paid"] == {
        "id": "paid",
        "type": "wait",
        "config": {"event": "payment", "timeout": 60},
        "key": "input.order",
        "next": "each",
    }
    assert written["go"]["config"] == {"signal": "go on"}
    assert written["told"]["config"]["approval"]["users"] == ["ada"]
    assert written["each"]["config"] == {
        "items": "vars.items",
        "branch": "one",
        "as": "thing",
        "concurrency": 5,
        "tolerate": "10%",
    }
    assert written["again"]["config"] == {"while": "vars.left > 0", "branch": "two", "limit": 9}
    assert written["over"]["config"] == {"forEach": [1, 2], "branch": "go", "as": "number"}
    assert written["tasks"]["config"] == {
        "tasks": [{"node": "three"}, {"node": "four", "dependsOn": ["three"]}],
        "onFailure": "continue",
    }
    assert written["other"]["config"] == {
        "workflowId": "strong",
        "input": {"a": 1},
        "mergeOutputs": True,
        "onParentClose": "abandon",
    }
    assert dump(parse(wf.definition())) == wf.definition()


def test_another_start_may_be_named() -> None:
    wf = workflow("late", start="b")
    wf.sequential("a")
    wf.sequential("b")
    assert wf.definition()["startNode"] == "b"


def test_workflows_know_the_line_that_wrote_them() -> None:
    assert workflow("here").place == f"{__name__}:{line() - 0}"
    node = workflow("here").sequential("a")
    assert node.place == f"{__name__}:{line() - 1}"


def line() -> int:
    return sys._getframe(1).f_lineno


def test_the_demo_workflows_are_found_in_their_app() -> None:
    found = {one.workflow.id: one.place for one in discovery.found()}
    assert list(found) == [
        "simple-math-workflow",
        "data-processing-workflow",
        "parallel-workflow",
        "logging-workflow",
        "long-running-workflow",
        "very-long-workflow",
        "error-demo",
    ]
    assert found["simple-math-workflow"].startswith("c4c_site.demo.workflows:")


@pytest.mark.parametrize(
    ("wf", "nodes"),
    [
        (demo.simple_math, 3),
        (demo.data_processing, 5),
        (demo.parallel, 5),
        (demo.logging, 3),
        (demo.long_running, 10),
        (demo.very_long, 11),
        (demo.error_demo, 3),
    ],
    ids=lambda value: getattr(value, "id", None),
)
def test_every_demo_workflow_is_right_and_static(wf: Workflow, nodes: int) -> None:
    read = parse(wf.definition())
    assert read.node_count == nodes
    assert read.is_static
    assert read.version == "1.0.0"


def test_simple_math_takes_its_numbers_from_the_input_node_by_node() -> None:
    nodes = parse(demo.simple_math.definition()).nodes
    literals = {"add": (10, 5), "multiply": (3, 2), "subtract": (20, 8)}
    for node_id, (a, b) in literals.items():
        assert nodes[node_id].config.resolve({"input": {}}) == {"a": a, "b": b}
        assert nodes[node_id].config.resolve({"input": {"a": 100}}) == {"a": 100, "b": b}


def test_the_very_long_workflow_takes_a_hundred_seconds() -> None:
    nodes = parse(demo.very_long.definition()).nodes
    waits = {node_id: node.config.value.get("seconds", 0) for node_id, node in nodes.items()}
    branches = [waits[node_id] for node_id in nodes["stage-5-parallel"].branches]
    assert branches == [20, 20, 20]
    assert sum(waits.values()) - 40 == 100


def test_a_broken_or_doubled_definition_is_a_loud_check_with_its_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = ModuleType("c4c_site.demo.workflows")
    module.one = workflow("one")  # type: ignore[attr-defined]
    module.one.sequential("a", next="zz")
    broken = line() - 1
    module.again = workflow("one")  # type: ignore[attr-defined]
    module.again.sequential("a")
    monkeypatch.setitem(sys.modules, "c4c_site.demo.workflows", module)
    found = {message.id: str(message.msg) for message in checks.check_workflows()}
    assert found.keys() == {"c4c.E201", "c4c.E202"}
    assert f"{__name__}:{broken}" in found["c4c.E201"]
    assert "/nodes/0/next" in found["c4c.E201"]
    assert f"at {__name__}:{broken - 1}" in found["c4c.E202"]
