from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

import pytest
from hypothesis import given
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
from workflows.ancestry import Ancestry
from workflows.definition import parse
from workflows.graph import DRAWN, edges, scopes, successors


def test_a_branch_runs_along_its_next_until_nothing_follows_or_the_join() -> None:
    read = defined(
        parallel("p", "a", "c", next="z"),
        step("a", "b"),
        step("b", "z"),
        condition("c", "d", None),
        step("d", onError="e"),
        step("e"),
        step("z"),
    )
    assert scopes(read) == {"p": [["a", "b"], ["c", "d", "e"]]}


def test_scopes_nest_and_a_branch_may_end_at_the_outer_join() -> None:
    read = defined(
        parallel("p", "q", next="z"),
        parallel("q", "a", "b", next="c"),
        step("a", "c"),
        step("b"),
        step("c", "z"),
        step("z"),
    )
    assert scopes(read) == {"p": [["q", "c"]], "q": [["a"], ["b"]]}


def test_what_is_never_reached_is_in_no_scope() -> None:
    assert scopes(defined(step("a"), parallel("p", "b"), step("b"))) == {}


def test_an_edge_out_of_its_scope_is_a_problem_where_it_is_written() -> None:
    found = told(
        document(
            step("s", "p"),
            parallel("p", "a", "b", next="z"),
            step("a", "s"),
            step("b", onError="out"),
            step("z", "out"),
            step("out"),
        )
    )
    assert found.keys() == {"/nodes/2/next", "/nodes/3/onError"}
    assert "belongs to the main line" in found["/nodes/2/next"]


def test_two_branches_may_meet_only_after_the_join() -> None:
    found = told(document(parallel("p", "a", "b"), step("a", "both"), step("b", "both"), step("both")))
    assert list(found) == ["/nodes/2/next"]
    assert "make it 'next' of 'p'" in found["/nodes/2/next"]


def test_a_branch_cannot_begin_after_its_own_join_nor_at_its_own_scope() -> None:
    assert told(document(parallel("p", "z", next="z"), step("z"))).keys() == {"/nodes/0/config/branches/0"}
    assert told(document(parallel("p", "p"))).keys() == {"/nodes/0/config/branches/0"}


def test_successors_include_the_error_handler() -> None:
    read = defined(step("a", "b", onError="c"), step("b"), step("c"))
    assert successors(read.nodes["a"]) == ("b", "c")


def test_edges_tell_their_kind_and_join_where_the_branches_end() -> None:
    read = defined(
        step("s", "if"),
        condition("if", "p", "s"),
        parallel("p", "a", "b", next="z"),
        step("a", "z"),
        step("b", onError="h"),
        step("h"),
        step("z", "s"),
    )
    assert {(edge.source, edge.target, edge.kind) for edge in edges(read)} == {
        ("s", "if", "next"),
        ("if", "p", "true"),
        ("if", "s", "false"),
        ("p", "a", "branch"),
        ("p", "b", "branch"),
        ("a", "z", "join"),
        ("b", "h", "error"),
        ("b", "z", "join"),
        ("h", "z", "join"),
        ("z", "s", "loop"),
    }


@pytest.mark.parametrize(
    ("nodes", "is_static"),
    [
        ([step("a", "b"), step("b")], True),
        ([step("a", "b"), condition("b", "a", None)], False),
        ([parallel("p", "a", next="z"), step("a"), step("z", "p")], False),
        ([step("a", "a")], False),
        ([step("a"), step("b", "b")], True),
        ([mapped("m", "a"), step("a")], False),
        ([loop("l", "a"), step("a")], False),
        ([loop("l", "a", forEach=[1]), step("a")], False),
        ([step("s"), loop("l", "a"), step("a")], True),
        ([dag("d", a=[], b=["a"]), step("a"), step("b")], True),
        ([wait("w", "s", signal="go"), subworkflow("s")], True),
    ],
)
def test_a_cycle_that_can_be_reached_makes_the_total_unknown(
    nodes: list[dict[str, object]], is_static: bool
) -> None:
    assert defined(*nodes).is_static is is_static


def test_what_may_have_run_before_goes_through_joins_and_handlers() -> None:
    read = defined(
        {**parallel("p", "q", "b", next="z"), "onError": "h"},
        parallel("q", "a"),
        step("a"),
        step("b"),
        step("z"),
        step("h"),
    )
    ancestry = Ancestry(read, read.nodes)
    before = {later: {e for e in read.nodes if ancestry.may_precede(e, later)} for later in read.nodes}
    assert before == {
        "p": set(),
        "q": {"p"},
        "a": {"p", "q"},
        "b": {"p"},
        "z": {"p", "q", "a", "b"},
        "h": {"p", "q", "a", "b"},
    }


def drawn(*nodes: dict[str, object]) -> set[tuple[str, str, str]]:
    return {(edge.source, edge.target, edge.kind) for edge in edges(defined(*nodes))}


def test_bodies_are_scopes_of_their_own() -> None:
    read = defined(
        mapped("m", "a", "l"),
        step("a", "b"),
        step("b"),
        loop("l", "c", "d"),
        step("c"),
        dag("d", "z", e=[], g=["e"]),
        step("e", "f"),
        step("f"),
        step("g"),
        step("z"),
    )
    assert scopes(read) == {"m": [["a", "b"]], "l": [["c"]], "d": [["e", "f"], ["g"]]}


@pytest.mark.parametrize("opening", [mapped("p", "a", "z"), loop("p", "a", "z"), dag("p", "z", a=[])])
def test_an_edge_out_of_a_body_is_a_problem_where_it_is_written(opening: dict[str, object]) -> None:
    found = told(document(opening, step("a", "far"), step("z", "far"), step("far")))
    assert found.keys() == {"/nodes/1/next"} or found.keys() == {"/nodes/2/next"}


@pytest.mark.parametrize(
    ("opening", "pointer"),
    [
        (mapped("p", "zz"), "/nodes/0/config/branch"),
        (step("p", type="map", config={"items": [], "node": "zz"}), "/nodes/0/config/node"),
        (loop("p", "zz"), "/nodes/0/config/branch"),
        (dag("p", a=[], zz=[]), "/nodes/0/config/tasks/1/node"),
    ],
)
def test_a_body_begins_with_a_node_that_exists(opening: dict[str, object], pointer: str) -> None:
    assert told(document(opening, step("a"))).keys() == {pointer}


def test_a_loop_is_drawn_as_one_and_left_from_its_own_node() -> None:
    assert drawn(loop("l", "a", "z"), step("a", "b"), condition("b", "z", "c"), step("c"), step("z")) == {
        ("l", "a", "branch"),
        ("a", "b", "next"),
        ("b", "c", "false"),
        ("b", "l", "loop"),
        ("c", "l", "loop"),
        ("l", "z", "next"),
    }


def test_tasks_are_drawn_by_their_dependencies() -> None:
    assert drawn(
        dag("d", "z", a=[], b=["a"], c=["a", "b"]),
        step("a", "a2"),
        step("a2"),
        step("b"),
        parallel("c", "c1", "c2"),
        step("c1"),
        step("c2"),
        step("z"),
    ) == {
        ("d", "a", "branch"),
        ("a", "a2", "next"),
        ("a2", "b", "depends"),
        ("a2", "c", "depends"),
        ("b", "c", "depends"),
        ("c", "c1", "branch"),
        ("c", "c2", "branch"),
        ("c1", "z", "join"),
        ("c2", "z", "join"),
    }


def test_scopes_within_a_loop_lead_back_to_it() -> None:
    assert drawn(loop("l", "p"), parallel("p", "a", "b"), step("a"), mapped("b", "c"), step("c")) == {
        ("l", "p", "branch"),
        ("p", "a", "branch"),
        ("p", "b", "branch"),
        ("b", "c", "branch"),
        ("a", "l", "loop"),
        ("c", "l", "loop"),
    }


def test_what_undoes_is_drawn_beside_what_it_undoes() -> None:
    assert drawn({**call("a", "b"), "compensate": "u"}, step("b"), call("u")) == {
        ("a", "b", "next"),
        ("a", "u", "compensate"),
    }


def test_more_dependencies_than_anybody_could_follow_are_not_all_drawn() -> None:
    tasks = {f"n{place}": [f"n{earlier}" for earlier in range(place)] for place in range(300)}
    read = defined(dag("d", **tasks), *(step(node) for node in tasks))
    assert len(edges(read)) == DRAWN + 1


def test_a_task_comes_after_those_that_it_depends_on_and_no_others() -> None:
    read = defined(
        dag("d", "z", a=[], b=["a"], c=["b"], e=[]),
        step("a", "a2"),
        step("a2"),
        step("b"),
        step("c"),
        step("e"),
        step("z"),
    )
    ancestry = Ancestry(read, read.nodes)
    before = {later: {e for e in read.nodes if ancestry.may_precede(e, later)} for later in read.nodes}
    assert before == {
        "d": set(),
        "a": {"d"},
        "a2": {"d", "a"},
        "b": {"d", "a", "a2"},
        "c": {"d", "a", "a2", "b"},
        "e": {"d"},
        "z": {"d", "a", "a2", "b", "c", "e"},
    }


def test_a_loop_comes_after_its_own_rounds_and_an_item_after_no_other() -> None:
    read = defined(
        loop("l", "a", "m"), step("a", "b"), step("b"), mapped("m", "c"), step("c", "e"), step("e")
    )
    ancestry = Ancestry(read, read.nodes)
    assert all(ancestry.may_precede(one, other) for one in "ab" for other in "ab")
    assert ancestry.may_precede_end("b", "l") and not ancestry.may_precede("b", "l")
    assert ancestry.may_precede("c", "e")
    assert not any(ancestry.may_precede(one, "c") for one in "ce")


dependencies = st.integers(1, 8).flatmap(
    lambda count: st.lists(
        st.lists(st.integers(0, count - 1), max_size=3, unique=True), min_size=count, max_size=count
    )
)


@given(dependencies)
def test_tasks_are_refused_when_they_go_round_and_else_come_after_all_that_they_need(
    drawn: list[list[int]],
) -> None:
    tasks = {f"n{at}": [f"n{other}" for other in sorted(set(needs) - {at})] for at, needs in enumerate(drawn)}
    written = document(dag("d", **tasks), *(step(node) for node in tasks))
    try:
        order = [*TopologicalSorter(tasks).static_order()]
    except CycleError:
        (pointer,) = told(written)
        assert pointer.endswith("/dependsOn")
        return
    needed: dict[str, set[str]] = {}
    for node in order:
        needed[node] = {"d"}.union(tasks[node], *(needed[earlier] for earlier in tasks[node]))
    read = parse(written)
    ancestry = Ancestry(read, read.nodes)
    for node in tasks:
        assert {earlier for earlier in read.nodes if ancestry.may_precede(earlier, node)} == needed[node]
