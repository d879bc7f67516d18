from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.workflows.documents import call, dag, defined, loop, mapped, parallel, step, wait
from workflows.compatibility import compatibility
from workflows.definition import Definition


@dataclass
class Ran:
    index: int
    node_id: str
    kind: str
    status: str = "completed"
    scope: int | None = None
    branch: int | None = None
    next_node_id: str | None = None


OLD = defined(
    call("a", "p"),
    parallel("p", "b", "m", "l", "d", next="z"),
    wait("b", "b2", signal="go"),
    step("b2"),
    mapped("m", "i"),
    wait("i", signal="go"),
    loop("l", "j"),
    wait("j", signal="go"),
    dag("d", t=[], u=["t"]),
    wait("t", signal="go"),
    step("u"),
    {**call("z"), "compensate": "undo"},
    call("undo"),
)
RUNS = [
    Ran(0, "a", "procedure", next_node_id="p"),
    Ran(1, "p", "parallel", "running"),
    Ran(2, "b", "wait", "waiting", 1, 0),
    Ran(3, "m", "map", "running", 1, 1),
    Ran(4, "l", "loop", "running", 1, 2),
    Ran(5, "d", "dag", "running", 1, 3),
    Ran(6, "i", "wait", "waiting", 3, 0),
    Ran(7, "i", "wait", "waiting", 3, 1),
    Ran(8, "j", "wait", "completed", 4, 0),
    Ran(9, "j", "wait", "waiting", 4, 1),
    Ran(10, "t", "wait", "waiting", 5, 0),
]


def changed(node_id: str, **fields: Any) -> Definition:
    """``OLD`` with this node otherwise, or without it."""
    nodes = [
        {**node, **fields} if node["id"] == node_id else node
        for node in OLD.document["nodes"]
        if fields or node["id"] != node_id
    ]
    return defined(*nodes)


def told(new: Definition, runs: list[Ran] = RUNS) -> list[str]:
    return [str(obstacle) for obstacle in compatibility(OLD, new, runs)]


def test_nothing_is_in_the_way_of_the_same() -> None:
    assert told(OLD) == []
    assert told(changed("undo", name="x"), []) == []


@pytest.mark.parametrize(
    "new",
    [
        changed("a", config={"x": 1}, retry={"maxAttempts": 3}),
        changed("b", config={"event": "gone"}, next="z"),
        changed("b2", type="delay", config={"seconds": 1}),
        changed("p", config={"branches": ["b", "m", "l", "d"], "join": {"policy": "any"}}),
        changed("m", config={"items": [7], "node": "i", "concurrency": 2, "tolerate": 1}),
        changed("l", config={"while": "vars.other > 0", "branch": "j", "limit": 5}),
        changed("d", config={**OLD.document["nodes"][8]["config"], "onFailure": "stop"}),
        changed("z", config={"x": "${{ nodes.a.output }}"}, compensate=None),
    ],
)
def test_what_nodes_do_and_what_is_still_to_come_may_change(new: Definition) -> None:
    assert told(new) == []


def test_an_open_map_may_begin_its_further_items_elsewhere() -> None:
    nodes = [node for node in OLD.document["nodes"] if node["id"] != "m"]
    assert told(defined(*nodes, mapped("m", "i0"), step("i0", "i"))) == []


@pytest.mark.parametrize(
    ("new", "reasons"),
    [
        (
            changed("b", type="delay", config={"seconds": 1}),
            ["node 'b' has run as wait, and is of type delay now"],
        ),
        (changed("l", config={"until": "x", "branch": "j"}), ["'l' is open, and goes round by until now"]),
        (
            changed("l", config={"forEach": [1], "branch": "j"}),
            ["'l' is open, and goes round by forEach now"],
        ),
        (
            changed("d", config={"tasks": [{"node": "t"}, {"node": "u"}]}),
            ["'d' is open, and has other tasks or dependencies"],
        ),
    ],
)
def test_what_is_open_keeps_its_way(new: Definition, reasons: list[str]) -> None:
    found = told(new)
    assert len(found) == len(reasons)
    assert all(reason in text for reason, text in zip(reasons, found, strict=True))


def test_branches_of_an_open_scope_stay_and_are_in_their_places() -> None:
    found = told(changed("p", config={"branches": ["m", "b", "l", "d"]}))
    assert "node 'p' is open, and has other branches" in found
    assert "node 'b' has run in branch 0 of 'p', and belongs to branch 1 of 'p' now" in found
    more = defined(*OLD.document["nodes"][2:], *[parallel("p", "b", "m", "l", "d", "k", next="z"), step("k")])
    assert "no line leads to it" in "".join(told(more))


def test_a_node_that_has_run_must_be_there() -> None:
    gone = defined(*[node for node in OLD.document["nodes"] if node["id"] != "a"])
    assert told(gone) == ["node 'a' has run, and is gone"]


def test_a_node_that_waits_must_be_on_a_line() -> None:
    nodes = [node for node in OLD.document["nodes"] if node["id"] != "l"]
    assert told(defined(*nodes, loop("l", "j0"), step("j0"))) == [
        "node 'j' has not ended, and no line leads to it any more"
    ]


def test_a_node_in_another_scope_is_in_the_way() -> None:
    old = defined(step("a", "b"), wait("b", signal="go"))
    new = defined(step("a", "m"), mapped("m", "b"), wait("b", signal="go"))
    runs = [Ran(0, "a", "sequential", next_node_id="b"), Ran(1, "b", "wait", "waiting")]
    assert [str(one) for one in compatibility(old, new, runs)] == [
        "node 'b' has run in the main line, and belongs to branch 0 of 'm' now"
    ]


def test_what_comes_next_must_be_there_on_the_same_line() -> None:
    runs = [Ran(0, "a", "procedure", next_node_id="p")]
    nodes = [{**call("a", "q")}, step("q"), parallel("q2", "b"), wait("b", signal="go")]
    assert told(defined(*nodes), runs) == ["node 'p' comes next after 'a', and is gone"]
    assert told(defined(call("a", "m"), mapped("m", "p"), step("p")), runs) == [
        "node 'p' comes next after 'a', and is not on the same line now"
    ]


def test_a_scope_that_is_over_may_change_inside() -> None:
    runs = [
        Ran(0, "a", "procedure", next_node_id="p"),
        Ran(1, "p", "parallel", next_node_id="z"),
        Ran(2, "b", "wait", "completed", 1, 0, next_node_id="b2"),
    ]
    shorter = [node for node in changed("b", next=None).document["nodes"] if node["id"] != "b2"]
    assert told(defined(*shorter), runs) == []
    runs[1].status = "running"
    assert told(defined(*shorter), runs) == ["node 'b2' comes next after 'b', and is gone"]


def test_a_loop_that_is_over_stays_one_over_items_or_none() -> None:
    runs = [Ran(0, "a", "procedure"), Ran(1, "l", "loop"), Ran(2, "j", "wait", "completed", 1, 0)]
    old = defined(call("a", "l"), loop("l", "j"), wait("j", signal="go"))

    def told_of(**config: Any) -> list[str]:
        new = defined(call("a", "l"), loop("l", "j", **config), wait("j", signal="go"))
        return [str(obstacle) for obstacle in compatibility(old, new, runs)]

    assert told_of(until="index > 2") == []
    assert told_of(forEach=[1]) == ["node 'l' has gone round by while, and goes by forEach now"]


def test_a_failure_that_was_handled_by_what_follows_the_join_has_ended_its_branch() -> None:
    nodes = [{**call("b"), "onError": "z"}, wait("c", signal="go"), step("z"), step("y", "z")]
    old = defined(parallel("p", "b", "c", next="z"), *nodes)
    runs = [
        Ran(0, "p", "parallel", "running"),
        Ran(1, "b", "procedure", "failed", 0, 0, next_node_id="z"),
        Ran(2, "c", "wait", "waiting", 0, 1),
    ]
    assert compatibility(old, old, runs) == []
    new = defined(parallel("p", "b", "c", next="y"), *[call("b"), *nodes[1:]])
    assert [str(one) for one in compatibility(old, new, runs)] == [
        "node 'p' is open, a branch has ended before 'z': that is to follow"
    ]


def test_what_is_being_undone_goes_on_as_it_began() -> None:
    runs = [Ran(0, "z", "procedure"), Ran(1, "undo", "procedure", "retrying", None, -1)]
    found = told(OLD, runs)
    assert found == ["node 'undo' undoes what has run: that is to end as it began"]


def test_the_limit_of_node_runs_must_not_be_passed_already() -> None:
    new = defined(*OLD.document["nodes"], limits={"nodeRuns": 10})
    assert told(new) == ["limits.nodeRuns is 10; it has 11 already"]


def test_each_reason_is_told_once_however_many_items_there_are() -> None:
    items = [Ran(index, "i", "wait", "waiting", 3, index) for index in range(11, 5_000)]
    assert len(told(changed("i", type="sequential", config={}), RUNS + items)) == 1
