from __future__ import annotations

import random
import re
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workflows.documents import condition, defined, parallel, step
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


@pytest.mark.parametrize("shape", ["random", "long edges", "wide"])
def test_a_thousand_nodes_take_less_than_a_second(shape: str) -> None:
    ids, chance = [f"n{number}" for number in range(1_000)], random.Random(7)
    match shape:
        case "random":
            nodes = [condition(node_id, chance.choice(ids), chance.choice(ids)) for node_id in ids]
        case "long edges":
            nodes = [condition(node_id, ids[-1], following) for node_id, following in pairwise(ids)]
            nodes += [step(ids[-1])]
        case _:
            nodes = [parallel(ids[0], *ids[1:-1], next=ids[-1]), *(step(node_id) for node_id in ids[1:])]
    read = defined(*nodes)
    began = time.process_time()
    layout(read)
    assert time.process_time() - began < 1
