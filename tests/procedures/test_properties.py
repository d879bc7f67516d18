"""What holds for any value, found by trying many."""

from __future__ import annotations

import math
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from procedures import InvalidInput, InvalidOutput
from procedures.storable import unstorable
from tests.procedures.declaring import contract

DOUBLES = st.floats(-(2**53), 2**53)
INTEGERS = st.integers(-(2**63), 2**64 - 1)
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
JSON = st.recursive(
    st.none() | st.booleans() | INTEGERS | DOUBLES | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=15,
)
POISON = st.sampled_from([math.nan, math.inf, -math.inf, "a\0b", "\ud800", 2**64, {"\0": 1}])


class Item(BaseModel):
    count: int
    note: str | None = None


def order(n: int, ratio: float, name: str, on: bool, items: list[Item], extra: Any = None) -> Any: ...


def anything() -> Any: ...


ORDER, ANYTHING = contract(order), contract(anything)
SCHEMA = Draft202012Validator(ORDER.input_schema)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "n": INTEGERS | JSON,
        "ratio": DOUBLES | JSON,
        "name": TEXTS | JSON,
        "on": st.booleans() | JSON,
        "items": st.lists(st.fixed_dictionaries({"count": INTEGERS | JSON}), max_size=3) | JSON,
        "extra": JSON,
    },
)


def accepts(values: Any) -> bool:
    try:
        ORDER.validate_input(values)
    except InvalidInput:
        return False
    return True


@given(FIELDS)
def test_the_contract_takes_what_its_schema_takes(values: dict[str, Any]) -> None:
    assert accepts(values) == SCHEMA.is_valid(values)


@given(FIELDS)
def test_every_pointer_leads_into_the_value_or_to_a_field_that_is_missing(values: dict[str, Any]) -> None:
    try:
        ORDER.validate_input(values)
    except InvalidInput as refused:
        pointers = [problem["pointer"] for problem in refused.problems]
        assert len(set(pointers)) == len(pointers) > 0
        for problem in refused.problems:
            *way, last = problem["pointer"].split("/")[1:]
            holder: Any = values
            for part in way:
                holder = holder[int(part)] if isinstance(holder, list) else holder[part]
            missing = problem["detail"].endswith("Field required")
            assert missing == (isinstance(holder, dict) and last not in holder)


@given(JSON)
def test_json_comes_out_as_it_is(value: Any) -> None:
    assert ANYTHING.dump_output(value) == value
    assert list(unstorable(value)) == []


@given(st.lists(st.sampled_from(["a", "b", 0, 1]), max_size=5), JSON, POISON)
def test_poison_is_found_wherever_it_is(path: list[str | int], beside: Any, poison: Any) -> None:
    value = poison
    for part in reversed(path):
        value = {part: value, "z": beside} if isinstance(part, str) else [*[beside] * part, value]
    with pytest.raises(InvalidOutput) as refused:
        ANYTHING.dump_output(value)
    assert [problem["pointer"] for problem in refused.value.problems] == [
        "".join(f"/{part}" for part in path)
    ]
    with pytest.raises(InvalidInput):
        ORDER.validate_input({"n": 1, "ratio": 1, "name": "", "on": True, "items": [], "extra": value})


@given(JSON)
def test_what_is_dumped_can_be_written(value: Any) -> None:
    assert orjson.loads(orjson.dumps(ANYTHING.dump_output({"value": value}))) == {"value": value}
