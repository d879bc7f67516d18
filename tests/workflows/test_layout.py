from __future__ import annotations

import random
import re
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workflows.documents import call, condition, dag, defined, loop, mapped, parallel, step
from workflows.definition import Definition
from workflows.layout import Layout, layout

Box = tuple[float, float, float, float]


def overlaps(one: Box, other: Box) -> bool:
    return abs(one[0] - other[0]) < one[2] and abs(one[1] - other[1]) < one[3]


def assert_well_drawn(found: Layout, definition: Definition) -> None:
    assert found.nodes.keys() == definition.nodes.keys()
    boxes = list(found.nodes.values())
    assert not any(overlaps(one, other) for place, one in enumerate(boxes) for other in boxes[:place])
    for x, y, width, height in boxes:
        assert x >= 0 and x + width <= found.width
        assert y >= 0 and y + height <= found.height


def test_time_runs_from_left_to_right() -> None:
    found = layout(defined(step("a", "b"), step("b", "c"), step("c")))
    xs = [found.nodes[node_id][0] for node_id in "abc"]
    ys = {found.nodes[node_id][1] for node_id in "abc"}
    assert xs == sorted(xs) and len(set(xs)) == 3
    assert len(ys) == 1


def test_branches_are_above_one_another_and_the_join_is_after_them() -> None:
    read = defined(parallel("p", "a", "b", next="z"), step("a"), step("b", "c"), step("c"), step("z"))
    found = layout(read)
    assert_well_drawn(found, read)
    assert found.nodes["a"][1] < found.nodes["b"][1]
    assert found.nodes["z"][0] > found.nodes["c"][0]
    assert [(edge.kind, edge.label) for edge, _ in found.edges if edge.target == "z"] == [
        ("join", ""),
        ("join", ""),
    ]


def test_an_edge_begins_and_ends_at_its_boxes() -> None:
    found = layout(defined(condition("a", "b", "c"), step("b", "c"), step("c")))
    for edge, path in found.edges:
        numbers = [float(number) for number in re.findall(r"-?[\d.]+", path)]
        x, y, width, height = found.nodes[edge.source]
        assert (numbers[0], numbers[1]) == (x + width, y + height / 2)
        x, y, width, height = found.nodes[edge.target]
        assert (numbers[-2], numbers[-1]) == (x, y + height / 2)


def test_a_long_edge_goes_around_the_nodes_between() -> None:
    found = layout(defined(condition("a", "b", "d"), step("b", "c"), step("c", "d"), step("d")))
    (path,) = [path for edge, path in found.edges if edge.label == "false"]
    heights = {float(y) for _, y in re.findall(r"L(-?[\d.]+) (-?[\d.]+)", path)}
    middle = found.nodes["b"][1] + 22
    assert heights and all(abs(y - middle) > 22 for y in heights)


@pytest.mark.parametrize("nodes", [[step("a", "a")], [step("a", "b"), step("b", "a")]])
def test_cycles_are_drawn_as_loops(nodes: list[dict[str, object]]) -> None:
    read = defined(*nodes)
    found = layout(read)
    assert_well_drawn(found, read)
    assert any(edge.kind == "loop" for edge, _ in found.edges)


def test_a_loop_leads_back_below_and_on_to_the_right() -> None:
    read = defined(loop("l", "a", "z"), step("a", "b"), step("b"), step("z"))
    found = layout(read)
    assert_well_drawn(found, read)
    assert {(edge.source, edge.target) for edge, _ in found.edges if edge.kind == "loop"} == {("b", "l")}
    (back,) = [path for edge, path in found.edges if edge.kind == "loop"]
    lowest = max(float(y) for _, y in re.findall(r"(-?[\d.]+) (-?[\d.]+)", back))
    assert found.nodes["l"][1] + found.nodes["l"][3] < lowest <= found.height
    assert found.nodes["l"][0] < found.nodes["a"][0] < found.nodes["b"][0]


def test_tasks_stand_after_those_that_they_depend_on() -> None:
    read = defined(
        dag("d", "z", a=[], b=["a"], c=["a"], e=["b", "c"]),
        *(step(node) for node in ("a", "b", "c", "e", "z")),
    )
    found = layout(read)
    assert_well_drawn(found, read)
    xs = [found.nodes[node_id][0] for node_id in ("d", "a", "b", "e", "z")]
    assert xs == sorted(xs) and len(set(xs)) == 5
    assert found.nodes["b"][0] == found.nodes["c"][0]


def test_what_undoes_stands_after_what_it_undoes() -> None:
    read = defined(mapped("m", "a", "z"), {**call("a"), "compensate": "u"}, step("z"), call("u"))
    found = layout(read)
    assert_well_drawn(found, read)
    assert found.nodes["u"][0] > found.nodes["a"][0]


graphs = st.integers(1, 12).flatmap(
    lambda count: st.lists(
        st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), min_size=count, max_size=count
    )
)


@settings(deadline=None)
@given(graphs)
def test_no_graph_makes_boxes_overlap_and_the_same_graph_looks_the_same(ways: list[tuple[int, int]]) -> None:
    nodes = [condition(f"n{place}", f"n{true}", f"n{false}") for place, (true, false) in enumerate(ways)]
    read = defined(*nodes)
    found = layout(read)
    assert_well_drawn(found, read)
    assert len(found.edges) == 2 * len(ways)
    assert layout(read) == found


@pytest.mark.parametrize("shape", ["random", "long edges", "wide", "tasks", "loops"])
def test_a_thousand_nodes_take_less_than_a_second(shape: str) -> None:
    ids, chance = [f"n{number}" for number in range(1_000)], random.Random(7)
    match shape:
        case "random":
            nodes = [condition(node_id, chance.choice(ids), chance.choice(ids)) for node_id in ids]
        case "long edges":
            nodes = [condition(node_id, ids[-1], following) for node_id, following in pairwise(ids)]
            nodes += [step(ids[-1])]
        case "tasks":
            tasks = {node_id: chance.sample(ids[:place], min(place, 3)) for place, node_id in enumerate(ids)}
            nodes = [dag("d", **tasks), *(step(node_id) for node_id in ids)]
        case "loops":
            nodes = [*(loop(node_id, following) for node_id, following in pairwise(ids)), step(ids[-1])]
        case _:
            nodes = [parallel(ids[0], *ids[1:-1], next=ids[-1]), *(step(node_id) for node_id in ids[1:])]
    read = defined(*nodes)
    began = time.process_time()
    layout(read)
    assert time.process_time() - began < 1
