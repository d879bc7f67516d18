from __future__ import annotations

import pytest

from tests.workflows.documents import condition, defined, document, parallel, step, told
from workflows.ancestry import Ancestry
from workflows.graph import edges, scopes, successors


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
