from __future__ import annotations

from typing import Any

import pytest

from tests.workflows.documents import (
    call,
    condition,
    dag,
    defined,
    document,
    loop,
    mapped,
    parallel,
    step,
    subworkflow,
    told,
    wait,
)
from workflows.definition import (
    Concurrency,
    DagNode,
    Definition,
    Join,
    Limits,
    LoopNode,
    MapNode,
    Rate,
    SubworkflowNode,
    Task,
    WaitNode,
)

FORM = {"type": "object", "properties": {"amount": {"type": "number"}}}


def node(read: Definition, id: str = "n") -> Any:
    return read.nodes[id]


@pytest.mark.parametrize("field", ["signal", "event"])
def test_a_wait_is_for_a_name_which_may_be_an_expression(field: str) -> None:
    read = node(defined(wait("n", **{field: "order-${{ input.id }}", "timeout": "${{ input.limit }}"})))
    assert isinstance(read, WaitNode)
    scope = {"input": {"id": 7, "limit": 60}}
    assert getattr(read, field).resolve(scope) == "order-7"
    assert read.limit is not None and read.limit.resolve(scope) == 60
    assert [read.signal, read.event, read.approval].count(None) == 2


def test_an_approval_says_who_may_and_what_is_asked() -> None:
    approval = {"users": ["ada", "${{ input.boss }}"], "groups": "${{ input.groups }}", "form": FORM}
    read = node(defined(wait("n", approval={**approval, "message": "Pay ${{ input.sum }}?"})))
    assert read.approval.resolve({"input": {"boss": "eve", "groups": ["owners"], "sum": 5}}) == {
        "users": ["ada", "eve"],
        "groups": ["owners"],
        "message": "Pay 5?",
        "form": FORM,
    }
    assert node(defined(wait("n", approval={}))).approval.resolve({}) == {}


@pytest.mark.parametrize(
    ("items", "resolved"),
    [
        ("input.items", [1, 2]),
        ("${{ input.items }}", [1, 2]),
        ("items", [3]),
        ("{{ items }}", [3]),
        ("input.items.map(item, item + 1)", [2, 3]),
        ([1, "${{ input.items[0] }}", {"a": "b"}], [1, 1, {"a": "b"}]),
        ([], []),
    ],
)
def test_items_are_a_list_or_an_expression_bare_or_in_braces(items: Any, resolved: list[Any]) -> None:
    scope = {"input": {"items": [1, 2]}, "vars": {"items": [3]}}
    for written in (mapped("n", "a", items=items), loop("n", "a", forEach=items)):
        assert node(defined(written, step("a"))).items.resolve(scope) == resolved


def test_a_map_is_read_with_what_it_leaves_open() -> None:
    read = node(defined(mapped("n", "a"), step("a")))
    assert isinstance(read, MapNode)
    assert (read.first, read.branches, read.as_name, read.concurrency) == ("a", ("a",), None, 100)
    assert read.join == Join()
    config = {"items": [], "node": "a", "as": "thing", "concurrency": 3, "tolerate": "10%"}
    read = node(defined(step("n", type="map", config=config), step("a")))
    assert (read.first, read.as_name, read.concurrency, read.join) == ("a", "thing", 3, Join(percent=10))


def test_a_loop_is_read_by_its_mode() -> None:
    read = node(defined(loop("n", "a", **{"while": "index < 3"}, limit=9), step("a")))
    assert isinstance(read, LoopNode)
    assert (read.mode, read.limit, read.items, read.branches) == ("while", 9, None, ("a",))
    assert read.test is not None and read.test.truth({"index": 2})
    assert node(defined(loop("n", "a", until=True), step("a"))).mode == "until"
    read = node(defined(loop("n", "a", forEach=[1], **{"as": "it"}), step("a")))
    assert (read.mode, read.test, read.as_name, read.limit) == ("forEach", None, "it", 1_000)


def test_a_dag_knows_dependencies_by_position() -> None:
    read = node(defined(dag("n", c=["a", "b"], a=[], b=["a"]), step("a"), step("b"), step("c")))
    assert isinstance(read, DagNode)
    assert read.tasks == (Task("c", (1, 2)), Task("a"), Task("b", (1,)))
    assert (read.branches, read.on_failure) == (("c", "a", "b"), "finish")


def test_a_subworkflow_is_read_with_what_it_leaves_open() -> None:
    read = node(defined(subworkflow("n")))
    assert isinstance(read, SubworkflowNode)
    assert (read.workflow.value, read.input.value, read.version) == ("other", {}, None)
    assert (read.merge_outputs, read.on_parent_close) == (False, "cancel")
    config: dict[str, Any] = {
        "workflowId": "${{ input.id }}",
        "input": "${{ vars }}",
        "version": 3,
        "mergeOutputs": True,
    }
    read = node(defined({**subworkflow("n", **config, onParentClose="abandon"), "timeout": 60}))
    assert read.workflow.resolve({"input": {"id": "x"}}) == "x"
    assert read.input.resolve({"vars": {"a": 1}}) == {"a": 1}
    assert (read.version, read.merge_outputs, read.on_parent_close) == (3, True, "abandon")
    assert read.timeout.start_to_close == 60


def test_keys_and_compensation_are_read() -> None:
    read = defined(
        {**call("n", "w"), "compensate": "undo", "key": "input.order"},
        {**wait("w", event="paid"), "key": "'order ' + input.order"},
        call("undo", of="${{ item }}", why="${{ error.message }}", seen="${{ nodes.n.output }}"),
    )
    assert node(read).compensate == "undo" and node(read).key.evaluate({"input": {"order": 7}}) == 7
    assert node(read, "w").key.evaluate({"input": {"order": "7"}}) == "order 7"


def test_what_undoes_does_not_count_among_what_can_run() -> None:
    read = defined({**call("a", "b"), "compensate": "u"}, {**call("b"), "compensate": "u"}, call("u"))
    assert (read.node_count, read.is_static, read.compensating) == (2, True, frozenset("u"))


def test_limits_are_one_or_several() -> None:
    assert defined(step("a")).limits == Limits()
    read = defined(step("a"), limits={"concurrency": 5, "rate": {"limit": 9, "seconds": 60}}).limits
    assert read.concurrency == (Concurrency(limit=5),) and read.rate == (Rate(limit=9, seconds=60),)
    read = defined(
        step("a"),
        limits={
            "nodeRuns": 50,
            "concurrency": [5, {"limit": 1, "key": "input.tenant"}],
            "rate": [{"limit": 1, "seconds": 0.5, "key": "tenant"}],
            "fairness": "trigger.event",
            "queue": "slow",
        },
    ).limits
    assert [one.limit for one in read.concurrency] == [5, 1]
    assert read.concurrency[1].key is not None and read.rate[0].key is not None
    assert read.concurrency[1].key.evaluate({"input": {"tenant": "x"}}) == "x"
    assert read.rate[0].key.evaluate({"vars": {"tenant": "y"}}) == "y"
    assert (read.node_runs, read.queue) == (50, "slow")


@pytest.mark.parametrize(
    ("written", "pointer", "detail"),
    [
        (wait("n"), "/config", "one of"),
        (wait("n", signal="a", event="b"), "/config", "one of"),
        (wait("n", signal=""), "/config/signal", "1 to 200"),
        (wait("n", event=["${{ input.a }}"]), "/config/event", "a text"),
        (wait("n", signal="${{ input. }}"), "/config/signal", ""),
        (wait("n", signal="a", timeout=-1), "/config/timeout", "0 to"),
        (wait("n", signal="a", timeout="soon"), "/config/timeout", "a number"),
        (wait("n", approval="ada"), "/config/approval", "an object"),
        (wait("n", approval={"user": "ada"}), "/config/approval/user", "did you mean users?"),
        (wait("n", approval={"users": "ada"}), "/config/approval/users", "a list"),
        (wait("n", approval={"users": [1]}), "/config/approval/users/0", "a text"),
        (wait("n", approval={"form": {"type": "thing"}}), "/config/approval/form/type", "thing"),
        ({**wait("n", signal="a"), "key": "input.a"}, "/key", "'event'"),
        ({**wait("n", signal="a"), "timeout": 5}, "/timeout", "'timeout' in its config"),
        (mapped("n", "a", node="a"), "/config", "either"),
        (step("n", type="map", config={"items": []}), "/config", "either"),
        (mapped("n", "a", items={}), "/config/items", "a list, or an expression"),
        (mapped("n", "a", items="a ${{ b }}"), "/config/items", ""),
        (mapped("n", "a", concurrency=0), "/config/concurrency", "1 to"),
        (mapped("n", "a", tolerate="x%"), "/config/tolerate", "share"),
        (mapped("n", "a", **{"as": "1st"}), "/config/as", "not a name"),
        (loop("n", "a", limit=3), "/config", "one of"),
        (loop("n", "a", until="x", forEach=[]), "/config", "one of"),
        (loop("n", "a", until="x ==="), "/config/until", ""),
        (loop("n", "a", until="x", limit=100_001), "/config/limit", "100000"),
        (loop("n", "a", until="x", **{"as": "y"}), "/config/as", "'forEach'"),
        (step("n", type="loop", config={"until": "x"}), "/config", "'branch' is missing"),
        (dag("n"), "/config/tasks", "at least 1"),
        (dag("n", a=["zz"]), "/config/tasks/0/dependsOn/0", "no task 'zz'"),
        (dag("n", a=["a"]), "/config/tasks/0/dependsOn/0", "on itself"),
        (dag("n", a=["b", "b"], b=[]), "/config/tasks/0/dependsOn/1", "already"),
        (dag("n", a=["b"], b=["a"]), "/config/tasks/0/dependsOn", "a → b → a"),
        (subworkflow("n", workflowId="not an id"), "/config/workflowId", "not an id"),
        (subworkflow("n", input="vars"), "/config/input", "an object"),
        (subworkflow("n", input=["${{ vars }}"]), "/config/input", "an object"),
        (subworkflow("n", onParentClose="stop"), "/config/onParentClose", "terminate"),
        ({**subworkflow("n"), "timeout": {"heartbeat": 1}}, "/timeout/heartbeat", "startToClose"),
        ({**subworkflow("n"), "key": "input.a"}, "/key", "procedure and wait"),
        ({**step("n"), "timeout": 5}, "/timeout", "procedure and subworkflow"),
        ({**step("n"), "compensate": "a"}, "/compensate", "procedure and subworkflow"),
        ({**call("n"), "key": "input."}, "/key", ""),
    ],
)
def test_what_makes_no_sense_is_told_where_it_is(written: dict[str, Any], pointer: str, detail: str) -> None:
    found = told(document(written, call("a"), call("b")))
    assert list(found) == [f"/nodes/0{pointer}"]
    assert detail in found[f"/nodes/0{pointer}"]


def test_one_node_is_one_task() -> None:
    tasks = [{"node": "a"}, {"node": "a"}]
    found = told(document(step("n", type="dag", config={"tasks": tasks}), step("a")))
    assert found == {"/nodes/0/config/tasks/1/node": "there is already a task 'a'"}


@pytest.mark.parametrize(
    ("limits", "pointer", "detail"),
    [
        ({"concurrency": 0}, "/concurrency", "1 to"),
        ({"concurrency": [1, {"key": "input.a"}]}, "/concurrency/1", "'limit' is missing"),
        ({"concurrency": [1] * 5}, "/concurrency", "at most 4"),
        (
            {"concurrency": {"limit": 1, "key": "nodes.a.output"}},
            "/concurrency/key",
            "'nodes' is not in reach",
        ),
        ({"rate": {"limit": 1}}, "/rate", "'seconds' is missing"),
        ({"rate": {"limit": 1, "seconds": 0}}, "/rate/seconds", "0.001"),
        ({"fairness": "item.a"}, "/fairness", "'item' is not in reach"),
        ({"queue": "a b"}, "/queue", "not an id"),
    ],
)
def test_limits_that_make_no_sense_are_told(limits: dict[str, Any], pointer: str, detail: str) -> None:
    found = told(document(step("a"), limits=limits))
    assert list(found) == [f"/limits{pointer}"]
    assert detail in found[f"/limits{pointer}"]


def test_a_task_may_refer_to_what_it_depends_on_only() -> None:
    found = told(
        document(
            dag("d", "z", a=[], b=["a"], c=["b"], e=[]),
            call("a", "a2"),
            call("a2"),
            call("b", x="${{ nodes.a2.output }}"),
            call("c", x="${{ nodes.a.output }}", y="${{ nodes.e.output }}"),
            call("e", x="${{ nodes.a.output }}"),
            call("z", x="${{ nodes.c.output }} ${{ nodes.d.output.tasks.e }}"),
        )
    )
    assert found.keys() == {"/nodes/4/config/y", "/nodes/5/config/x"}


def test_a_loop_may_refer_to_its_earlier_rounds_and_an_item_not_to_itself() -> None:
    found = told(
        document(
            loop("l", "a", "e", **{"while": "has(nodes.b) && nodes.b.output > 0"}),
            call("a", "b", x="${{ nodes.b.output }}"),
            call("b"),
            loop("e", "c", "m", forEach="nodes.c.output"),
            call("c", x="${{ nodes.c.output }}"),
            mapped("m", "i", items="nodes.i.output"),
            call("i", "j", x="${{ nodes.i.output }}", y="${{ nodes.j.output }}"),
            call("j", x="${{ nodes.i.output }}"),
        )
    )
    assert found.keys() == {
        "/nodes/3/config/forEach",
        "/nodes/5/config/items",
        "/nodes/6/config/x",
        "/nodes/6/config/y",
    }


def test_item_and_index_are_in_reach_where_something_goes_through_items() -> None:
    found = told(
        document(
            {**call("a", "m", x="${{ item }}", y="${{ input.xs.map(item, item.id) }}"), "compensate": "u"},
            mapped("m", "p", "l", items="input.xs.filter(index, index > 1)"),
            parallel("p", "b"),
            call("b", x="${{ item }} ${{ index }}"),
            loop("l", "c", "z", until="index > 2"),
            call("c", x="${{ index }}", y="${{ item }}"),
            condition("z", None, "a2", "index > 2"),
            call("a2"),
            call("u", x="${{ item }}", y="${{ index }}"),
            call("never", x="${{ item }}"),
        )
    )
    assert found.keys() == {
        "/nodes/0/config/x",
        "/nodes/5/config/y",
        "/nodes/6/config/expression",
        "/nodes/8/config/y",
    }
    assert "within a map or a loop" in found["/nodes/0/config/x"]


def undone(**fields: Any) -> list[dict[str, Any]]:
    """``a`` is undone by ``u``, of which ``fields`` say more."""
    return [{**call("a", "b"), "compensate": "u"}, call("b"), {**call("u"), **fields}]


@pytest.mark.parametrize(
    ("nodes", "pointer", "detail"),
    [
        ([{**call("a"), "compensate": "zz"}], "/nodes/0/compensate", "no node 'zz'"),
        ([{**call("a"), "compensate": "a"}], "/nodes/0/compensate", "stands alone"),
        ([{**call("a"), "compensate": "w"}, wait("w", signal="x")], "/nodes/0/compensate", "of type wait"),
        (undone(next="b"), "/nodes/2/next", "no 'next'"),
        (undone(onError="b"), "/nodes/2/onError", "no 'onError'"),
        ([*undone(compensate="v"), call("v")], "/nodes/2/compensate", "no 'compensate'"),
        ([*undone()[:1], call("b", "u"), call("u")], "/nodes/1/next", "nothing else may lead to it"),
        ([*undone()[:1], parallel("b", "u"), call("u")], "/nodes/1/config/branches/0", "nothing else"),
        (
            [*undone()[:1], call("b", x="${{ nodes.u.output }}"), call("u")],
            "/nodes/1/config/x",
            "cannot have",
        ),
        ([*undone(config={"x": "${{ nodes.v.output }}"}), call("v")], "/nodes/2/config/x", "cannot have"),
    ],
)
def test_what_undoes_stands_alone(nodes: list[dict[str, Any]], pointer: str, detail: str) -> None:
    found = told(document(*nodes))
    assert pointer in found and detail in found[pointer]


def test_what_undoes_cannot_be_the_start() -> None:
    assert "/startNode" in told(document({**call("a"), "compensate": "u"}, call("u"), startNode="u"))


def test_several_nodes_may_be_undone_in_the_same_way() -> None:
    assert not told(
        document({**call("a", "b"), "compensate": "u"}, {**subworkflow("b"), "compensate": "u"}, call("u"))
    )
