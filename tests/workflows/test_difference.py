from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workflows.documents import call, condition, dag, defined, document, parallel, step
from tests.workflows.test_validation import WHOLE
from workflows.definition import parse
from workflows.difference import ABSENT, Change, changes, difference


def test_nodes_are_added_removed_and_changed_where_it_is() -> None:
    old = defined(call("a", "b", x=1, y={"z": [1, 2]}), call("b"), call("c"))
    new = defined({**call("a", "d", x=2, y={"z": [1, 3]}), "name": "First"}, call("b"), call("d"))
    found = difference(old, new)
    assert (found.added, found.removed) == (("d",), ("c",))
    assert found.changed == {
        "a": (
            Change("/config/x", 1, 2),
            Change("/config/y/z/1", 2, 3),
            Change("/next", "b", "d"),
            Change("/name", ABSENT, "First"),
        )
    }
    assert found.edges_added == (("a", "d", "next"),)
    assert found.edges_removed == (("a", "b", "next"),)


def test_what_differs_beside_the_nodes_is_told_too() -> None:
    old = defined(step("a"), variables={"x": 1, "y": 2}, limits={"nodeRuns": 5})
    new = defined(step("a"), variables={"x": 1}, limits={"nodeRuns": 5, "queue": "slow"}, description="")
    found = difference(old, new)
    assert found.fields == (
        Change("/variables/y", 2, ABSENT),
        Change("/limits/queue", ABSENT, "slow"),
        Change("/description", ABSENT, ""),
    )
    assert not found.changed


def test_edges_of_every_kind_are_compared() -> None:
    old = defined(
        {**call("s", "d"), "compensate": "u"},
        dag("d", "c", a=[], b=["a"]),
        step("a"),
        step("b"),
        condition("c", "z", None),
        step("z"),
        call("u"),
        call("v"),
    )
    new = defined(
        {**call("s", "d"), "compensate": "v", "onError": "z"},
        dag("d", "c", a=[], b=[]),
        step("a"),
        step("b"),
        condition("c", None, "z"),
        step("z"),
        call("u"),
        call("v"),
    )
    found = difference(old, new)
    assert set(found.edges_added) == {
        ("s", "v", "compensate"),
        ("s", "z", "error"),
        ("c", "z", "false"),
    }
    assert set(found.edges_removed) == {
        ("s", "u", "compensate"),
        ("a", "b", "depends"),
        ("c", "z", "true"),
    }


def test_order_spacing_and_null_are_no_difference() -> None:
    written = document(call("a", "b", x=1), {**call("b"), "onError": None}, description=None)
    again = {name: written[name] for name in reversed(written) if name != "description"}
    again["nodes"] = [call("b"), dict(reversed(call("a", "b", x=1).items()))]
    found = difference(parse(written), parse(again))
    assert not found
    assert found.document() == {
        "added": [],
        "removed": [],
        "changed": [],
        "edges": {"added": [], "removed": []},
        "fields": [],
    }


def test_truth_is_no_number_and_null_in_a_configuration_is_something() -> None:
    old, new = defined(call("a", x=1, y=None, z=2)), defined(call("a", x=True, z=2.0))
    assert difference(old, new).changed == {
        "a": (Change("/config/x", 1, True), Change("/config/y", None, ABSENT))
    }


def test_it_is_told_as_json() -> None:
    old = defined(parallel("a", "b"), call("b", x=1), step("gone"))
    new = defined(parallel("a", "b", "c"), call("b"), step("c"))
    assert json.loads(json.dumps(difference(old, new).document())) == {
        "added": ["c"],
        "removed": ["gone"],
        "changed": [
            {"node": "a", "changes": [{"pointer": "/config/branches", "old": ["b"], "new": ["b", "c"]}]},
            {"node": "b", "changes": [{"pointer": "/config/x", "old": 1}]},
        ],
        "edges": {"added": [{"source": "a", "target": "c", "kind": "branch"}], "removed": []},
        "fields": [],
    }


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.text("a/~", max_size=2),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("a/~", max_size=2), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(json_values, json_values)
def test_the_changes_make_one_value_the_other(old: Any, new: Any) -> None:
    made = copy.deepcopy(old)
    for change in changes(old, new):
        made = applied(made, change.pointer.split("/")[1:], change)
    assert made == new and json.dumps(made, sort_keys=True) == json.dumps(new, sort_keys=True)


def applied(value: Any, path: list[str], change: Change) -> Any:
    if not path:
        return change.new
    key: Any = path[0].replace("~1", "/").replace("~0", "~")
    if isinstance(value, list):
        return [applied(item, path[1:], change) if str(at) == key else item for at, item in enumerate(value)]
    if len(path) == 1 and change.new is ABSENT:
        return {name: item for name, item in value.items() if name != key}
    return {**value, key: applied(value.get(key), path[1:], change)}


@pytest.mark.parametrize("count", [10_000])
def test_ten_thousand_nodes_are_compared(count: int) -> None:
    old = [call(f"n{place}", x=place) for place in range(count)]
    new = [call(f"n{place}", x=place + 1) for place in range(1, count + 1)]
    found = difference(parse(document(*old)), parse(document(*new)))
    assert (found.added, found.removed) == ((f"n{count}",), ("n0",))
    assert len(found.changed) == count - 1


def test_a_definition_does_not_differ_from_itself() -> None:
    assert not difference(parse(WHOLE), parse(copy.deepcopy(WHOLE)))
