from __future__ import annotations

import copy
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
from workflows.definition import InvalidDefinition, dump, parse
from workflows.discovery import documents
from workflows.validation import problems


class Registry:
    """Knows the procedures that it is given."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def all(self) -> list[Any]:
        return [type("Known", (), {"name": name}) for name in self.names]


def test_every_problem_is_told_at_once_with_its_pointer() -> None:
    found = told(
        {
            "id": "not an id",
            "version": "",
            "startNode": "nowhere",
            "surplus": 1,
            "nodes": [
                {"id": "a", "type": "procedure", "next": "b", "retrey": {}},
                {"id": "a", "type": "delay", "config": {"seconds": -1}},
                {"id": "c", "type": "condition", "config": {"expression": "a ===", "trueBranch": "zz"}},
                {"type": "sequential"},
                7,
            ],
            "metadata": {"anything": {"goes": True}},
        }
    )
    assert found.keys() == {
        "",
        "/id",
        "/version",
        "/startNode",
        "/surplus",
        "/nodes/0",
        "/nodes/0/next",
        "/nodes/0/retrey",
        "/nodes/1/id",
        "/nodes/1/config/seconds",
        "/nodes/2/config/expression",
        "/nodes/2/config/trueBranch",
        "/nodes/3",
        "/nodes/4",
    }
    assert "did you mean retry?" in found["/nodes/0/retrey"]


def test_problems_come_in_the_order_of_the_document() -> None:
    written = document(*[step(f"n{number}", f"zz{number}") for number in range(12)])
    with pytest.raises(InvalidDefinition) as caught:
        parse(written)
    assert [problem.pointer for problem in caught.value.problems] == [f"/nodes/{n}/next" for n in range(12)]


def test_an_unknown_kind_names_the_nearest() -> None:
    assert "did you mean procedure?" in told(document(step("a", type="procedur")))["/nodes/0/type"]


def test_next_of_one_is_that_node_and_of_more_suggests_parallel() -> None:
    assert defined(step("a", ["b"]), step("b", [])).nodes["a"].next == "b"
    assert "'parallel'" in told(document(step("a", ["b", "c"]), step("b"), step("c")))["/nodes/0/next"]


def test_what_the_seeds_wrote_is_read() -> None:
    read = defined(
        step("a", ["b"], type="trigger", procedureName="x.y"),
        parallel("b", "c", "d", next="e", waitForAll=False),
        call("c", text="{{ trigger.payload.event.text }}"),
        call("d"),
        {**condition("e", "f", None, "outputs['c'].isCommand === true"), "next": "ignored"},
        {**call("f"), "next": None, "onError": None, "name": None},
        trigger={"provider": "slack", "triggerProcedure": "slack.events", "eventType": "message"},
        variables={"a": 1},
    )
    assert read.nodes["b"].join.policy == "any"  # type: ignore[attr-defined]
    assert read.nodes["e"].next is None
    assert [dict(trigger)["provider"] for trigger in read.triggers] == ["slack"]


def test_wait_for_all_is_the_default() -> None:
    assert defined(parallel("a", "b"), step("b")).nodes["a"].join.policy == "all"  # type: ignore[attr-defined]


def test_a_predicate_function_is_not_accepted() -> None:
    written = condition("a", "b", None)
    written["config"]["predicateFn"] = "() => true"
    assert told(document(written, step("b"))).keys() == {"/nodes/0/config/predicateFn"}


def test_retry_timeout_and_join_are_read() -> None:
    read = defined(
        parallel("a", "b", "c", join={"policy": "n_of", "n": 2}),
        {
            **call("b"),
            "retry": {"maxAttempts": 5, "backoff": 3, "jitter": True, "nonRetryable": ["ValueError"]},
            "timeout": 2,
        },
        {**call("c"), "timeout": {"startToClose": 1.5, "heartbeat": 1}, "queue": "heavy"},
    )
    assert (read.nodes["a"].join.policy, read.nodes["a"].join.n) == ("n_of", 2)  # type: ignore[attr-defined]
    retry = read.nodes["b"].retry
    assert retry is not None
    assert (retry.max_attempts, retry.backoff, retry.jitter, retry.non_retryable) == (
        5,
        3,
        1.0,
        ("ValueError",),
    )
    assert read.nodes["b"].timeout is not None and read.nodes["b"].timeout.start_to_close == 2
    assert read.nodes["c"].timeout is not None and read.nodes["c"].timeout.heartbeat == 1
    assert read.nodes["c"].queue == "heavy"
    assert read.nodes["c"].retry is None


@pytest.mark.parametrize(
    ("node", "pointer"),
    [
        (parallel("a", "b", join={"policy": "n_of"}), "/nodes/0/config/join"),
        (parallel("a", "b", join={"policy": "n_of", "n": 2}), "/nodes/0/config/join/n"),
        (parallel("a", "b", join={"policy": "any", "tolerate": 1}), "/nodes/0/config/join/tolerate"),
        (parallel("a", "b", join={"tolerate": "120%"}), "/nodes/0/config/join/tolerate"),
        (parallel("a", "b", join={"policy": "most"}), "/nodes/0/config/join/policy"),
        (parallel("a", "b", join={}, waitForAll=True), "/nodes/0/config"),
        (parallel("a", "b", "b"), "/nodes/0/config/branches/1"),
        (parallel("a"), "/nodes/0/config/branches"),
        (step("a", type="delay", config={"seconds": 1, "until": "2026-01-01T00:00:00Z"}), "/nodes/0/config"),
        (step("a", type="delay", config={"until": "2026-01-01T00:00:00"}), "/nodes/0/config/until"),
        (step("a", type="delay", config={"seconds": True}), "/nodes/0/config/seconds"),
        (step("a", type="switch", config={"cases": []}), "/nodes/0/config/cases"),
        (step("a", type="switch", config={"cases": [{"when": "x ==="}]}), "/nodes/0/config/cases/0/when"),
        (step("a", type="condition", config={"expression": "x"}), "/nodes/0/config"),
        (step("a", config={"x": 1}), "/nodes/0/config/x"),
        ({**call("a"), "retry": {"maxAttempts": 0}}, "/nodes/0/retry/maxAttempts"),
        ({**call("a"), "timeout": 0}, "/nodes/0/timeout"),
        (step("a", retry={"maxAttempts": 2}), "/nodes/0/retry"),
        ({**call("a"), "config": []}, "/nodes/0/config"),
    ],
)
def test_a_field_that_makes_no_sense_is_told_where_it_is(node: dict[str, Any], pointer: str) -> None:
    assert told(document(node, step("b"))).keys() == {pointer}


def test_expressions_are_checked_wherever_they_are() -> None:
    found = told(
        document(
            call("a", x="${{ inputs.x }}", y=["${{ input.x", {"z/t": "{{ eval(1) }}"}]),
            outputs={"total": "${{ nodes.zz.output }}", "bad": "${{ 1 + }}"},
        )
    )
    assert found.keys() == {
        "/nodes/0/config/x",
        "/nodes/0/config/y/0",
        "/nodes/0/config/y/1/z~1t",
        "/outputs/total",
        "/outputs/bad",
    }


def test_a_node_that_cannot_have_run_cannot_be_referred_to() -> None:
    found = told(
        document(
            call("a", "p", x="${{ nodes.b.output }}", y="${{ nodes.a.output }}"),
            parallel("p", "b", "c", next="d"),
            call("b", x="${{ nodes.a.output }}"),
            call("c", x="{{ outputs.b.x }}"),
            call("d", x="${{ nodes['b'].output }}", y="${{ nodes.c.status }}", z="${{ nodes.e.output }}"),
            call("e"),
        )
    )
    assert found.keys() == {
        "/nodes/0/config/x",
        "/nodes/0/config/y",
        "/nodes/3/config/x",
        "/nodes/4/config/z",
    }


def test_in_a_cycle_a_node_may_refer_to_itself_and_to_what_comes_later() -> None:
    assert not told(
        document(
            call("a", "b", x="${{ has(nodes.a) ? nodes.a.output : 0 }}", y="${{ has(nodes.b) }}"),
            condition("b", "a", None, "get('a').more"),
        )
    )


def test_an_error_handler_may_refer_to_what_has_failed() -> None:
    assert not told(
        document({**call("a"), "onError": "h"}, call("h", x="${{ nodes.a.error }} ${{ error.name }}"))
    )


def test_unknown_procedures_are_told_with_the_nearest() -> None:
    found = problems(
        document(call("a", "b"), {**call("b"), "procedureName": "math.ad"}), Registry("math.add")
    )
    assert [(problem.pointer, problem.detail) for problem in found] == [
        ("/nodes/1/procedureName", "Node b: procedure math.ad not found in registry; did you mean math.add?")
    ]
    assert not problems(document(call("a")), Registry("math.add"))


def test_a_version_is_readable_when_its_procedure_has_gone() -> None:
    assert parse(document({**call("a"), "procedureName": "gone.away"})).nodes["a"].procedure == "gone.away"


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        ("a\0b", "NUL"),
        ("\ud800", "surrogate"),
        (float("nan"), "not finite"),
        (float("inf"), "not finite"),
        (2**70, "too large"),
        ((1, 2), "not JSON"),
        ({1: 2}, "not a text"),
        ({"k\0": 2}, "NUL"),
    ],
)
def test_what_cannot_be_stored_is_refused_where_it_is(value: Any, detail: str) -> None:
    found = told(document(call("a", x=[value])))
    assert list(found) == ["/nodes/0/config/x/0"]
    assert detail in found["/nodes/0/config/x/0"]


def test_depth_and_size_are_bounded() -> None:
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    assert "levels deep" in "".join(told(document(call("a", x=deep))).values())
    many = document(*[step(f"n{number}") for number in range(10_001)])
    assert told(many)["/nodes"] == "at most 10000 nodes, got 10001"


@pytest.mark.parametrize(
    "shape", ["chain", "fan", "nested", "references", "tasks", "cycle of tasks", "maps", "loops", "undone"]
)
def test_ten_thousand_nodes_are_validated_in_linear_time(shape: str) -> None:
    def of(count: int) -> dict[str, Any]:
        last = count - 1
        match shape:
            case "chain":
                nodes = [call(f"n{n}", f"n{n + 1}" if n < last else None, x=n) for n in range(count)]
            case "fan":
                nodes = [parallel("n0", *(f"n{n}" for n in range(1, last)), next=f"n{last}")]
                nodes += [call(f"n{n}") for n in range(1, count)]
            case "nested":
                nodes = [parallel(f"n{n}", f"n{n + 1}") if n < last else step(f"n{n}") for n in range(count)]
            case "tasks":
                tasks = {f"n{n}": [f"n{n - 1 - near}" for near in range(min(n, 20))] for n in range(last)}
                nodes = [dag("d", **tasks), *(call(node, x=before(node, tasks)) for node in tasks)]
            case "cycle of tasks":
                tasks = {f"n{n}": [f"n{(n + 1) % last}"] for n in range(last)}
                nodes = [dag("d", **tasks), *(call(node) for node in tasks)]
            case "maps" | "loops":
                opening = mapped if shape == "maps" else loop
                nodes = [opening(f"n{n}", f"n{n + 1}") if n < last else step(f"n{n}") for n in range(count)]
            case "undone":
                half = count // 2
                nodes = [{**call(f"n{n}", f"n{n + 1}"), "compensate": f"u{n}"} for n in range(half - 1)]
                nodes += [{**call(f"n{half - 1}"), "compensate": f"u{half - 1}"}]
                nodes += [
                    call(f"u{n}", x=f"${{{{ item }}}} ${{{{ nodes.n{n}.output }}}}") for n in range(half)
                ]
            case _:
                nodes = [call("n0", "n1")]
                nodes += [
                    call(f"n{n}", f"n{n + 1}" if n < last else None, x=f"${{{{ nodes.n{n // 2}.output }}}}")
                    for n in range(1, count)
                ]
        return document(*nodes)

    told(of(100))
    began = time.process_time()
    found = told(of(10_000))
    assert time.process_time() - began < 8
    assert list(found) == (["/nodes/0/config/tasks/0/dependsOn"] if shape == "cycle of tasks" else [])


@pytest.mark.parametrize("shape", ["edges", "tasks", "fields", "procedures"])
def test_ten_thousand_wrong_names_are_told_in_linear_time(shape: str) -> None:
    count, names = 10_000, [f"node-{place}" for place in range(10_000)]
    match shape:
        case "edges":
            nodes = [step(name, f"nodf-{place}") for place, name in enumerate(names)]
        case "tasks":
            nodes = [
                step("d", type="dag", config={"tasks": [{"node": n, "dependsOn": [f"x{n}"]} for n in names]})
            ]
        case "fields":
            nodes = [{**step("a"), **{f"retri{place}": 1 for place in range(count)}}]
        case _:
            nodes = [{**call(name), "procedureName": f"math.{name}"} for name in names]
    began = time.process_time()
    found = problems(document(*nodes), Registry(*[f"math.{name}s" for name in names]))
    assert time.process_time() - began < 8
    assert len(found) >= count


def before(node: str, tasks: dict[str, list[str]]) -> str:
    """Asks for the first task that it depends on."""
    return f"${{{{ nodes.{tasks[node][-1]}.output }}}}" if tasks[node] else ""


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


@given(json_values)
def test_any_json_at_all_is_answered_with_problems(value: Any) -> None:
    assert told(value)


def mutated(written: Any, path: list[int], value: Any) -> Any:
    """``written`` with ``value`` somewhere within, by following ``path`` as far as it goes."""
    if not path or not isinstance(written, dict | list) or not written:
        return value
    keys = sorted(written) if isinstance(written, dict) else list(range(len(written)))
    key = keys[path[0] % len(keys)]
    changed = copy.copy(written)
    changed[key] = mutated(written[key], path[1:], value)
    return changed


WHOLE = document(
    call("a", "b", x="${{ input.x }}"),
    {**condition("b", "p", "d"), "onError": "d"},
    parallel("p", "c", "e", next="d"),
    call("c"),
    step("e", type="delay", config={"seconds": 1}),
    {**call("d", "s"), "retry": {"maxAttempts": 2}, "timeout": {"heartbeat": 1}},
    step("s", type="switch", config={"cases": [{"when": "vars.x == 1", "next": "t"}], "default": "t"}),
    step("t", "w", type="trigger"),
    wait("w", "w2", event="paid", timeout=5) | {"key": "input.order"},
    wait("w2", "m", approval={"users": ["ada"], "form": {"type": "object"}}),
    mapped("m", "m1", "l", tolerate="5%", **{"as": "x"}),
    {**call("m1", x="${{ item }}"), "compensate": "u"},
    loop("l", "l1", "l2", until="index > 3"),
    call("l1", x="${{ nodes.l1.output }}"),
    loop("l2", "l3", "g", forEach=[1, 2]),
    call("l3", x="${{ item }}"),
    dag("g", "o", g1=[], g2=["g1"], g3=["g1", "g2"]),
    *(call(f"g{place}") for place in (1, 2, 3)),
    subworkflow("o", input={"x": "${{ vars.x }}"}, version=2),
    call("u", x="${{ item }}"),
    inputSchema={"type": "object", "properties": {"x": {"type": "number"}}},
    outputs={"x": "${{ nodes.a.output }}"},
    limits={
        "nodeRuns": 5,
        "concurrency": [1, {"limit": 2, "key": "input.x"}],
        "rate": {"limit": 2, "seconds": 60},
        "fairness": "input.x",
        "queue": "slow",
    },
    triggers=[{"provider": "x"}],
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=5),
    json_values | st.sampled_from(["a", "p", "zz", "${{ x"]),
)
def test_a_document_with_something_wrong_in_it_is_told_or_read_but_never_breaks(
    path: list[int], value: Any
) -> None:
    told(mutated(WHOLE, path, value))


@pytest.mark.parametrize("written", [WHOLE, *documents().values()], ids=lambda written: written["id"])
def test_dumping_and_reading_again_changes_nothing(written: dict[str, Any]) -> None:
    before = copy.deepcopy(written)
    first = parse(written)
    again = parse(dump(first))
    assert dump(again) == dump(first) == before
    assert list(again.nodes) == list(first.nodes)
    assert again.is_static == first.is_static
