from __future__ import annotations

import time
from typing import Any

import pytest

from tests.workflows.documents import defined, document, step, told

PERSON = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string", "pattern": "^[A-Z]"}, "age": {"type": "integer", "minimum": 0}},
    "additionalProperties": False,
}


def refused(schema: dict[str, Any], value: Any) -> list[str]:
    found = defined(step("a"), inputSchema=schema).input_problems(value)
    return [problem.pointer for problem in found]


def test_an_input_that_fits_has_no_problems() -> None:
    assert refused(PERSON, {"name": "Ada", "age": 36}) == []
    assert defined(step("a")).input_problems({"anything": 1}) == []


def test_what_does_not_fit_is_told_with_pointers_into_the_input() -> None:
    assert sorted(refused(PERSON, {"name": "ada", "age": -1})) == ["/age", "/name"]
    assert sorted(refused(PERSON, {"surplus": 1})) == ["", ""]


@pytest.mark.parametrize(
    ("schema", "pointer"),
    [
        ({"type": "objekt"}, "/inputSchema/type"),
        ({"properties": {"a": {"$ref": "https://example.com/s"}}}, "/inputSchema/properties/a/$ref"),
        ({"patternProperties": {}}, "/inputSchema/patternProperties"),
        ({"items": {"pattern": "(?=x)"}}, "/inputSchema/items/pattern"),
        ({"$id": "file:///etc/passwd"}, "/inputSchema/$id"),
        ({"required": "name"}, "/inputSchema/required"),
        ({"description": "x" * 70_000}, "/inputSchema"),
    ],
)
def test_a_schema_that_is_wrong_or_would_reach_out_is_a_problem(schema: dict[str, Any], pointer: str) -> None:
    assert told(document(step("a"), inputSchema=schema)).keys() == {pointer}


def test_a_property_or_a_value_may_be_called_like_a_keyword() -> None:
    schema = {"properties": {"$id": {"const": {"$ref": "x"}}, "pattern": {"type": "string"}}}
    assert not told(document(step("a"), inputSchema=schema))


def doubling() -> dict[str, Any]:
    """Thirty references, each to the next one twice: a thousand million ways through."""
    defs: dict[str, Any] = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(30)}
    return {"$defs": {**defs, "d30": {}}, "$ref": "#/$defs/d0"}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"$ref": "#"}, {}),
        ({"$ref": "#/$defs/none"}, {}),
        (doubling(), {}),
        ({"properties": {"x": {"type": "string", "pattern": "^(a+)+$"}}}, {"x": "a" * 5_000 + "!"}),
    ],
    ids=["itself", "nowhere", "doubling", "backtracking"],
)
def test_a_hostile_schema_ends_quickly_and_says_no(schema: dict[str, Any], value: Any) -> None:
    began = time.process_time()
    assert refused(schema, value)
    assert time.process_time() - began < 2


def test_unique_items_of_many_objects_are_compared_quickly() -> None:
    began = time.process_time()
    many: dict[str, Any] = {"x": [{"n": number} for number in range(20_000)]}
    schema = {"properties": {"x": {"uniqueItems": True}}}
    assert refused(schema, many) == []
    assert refused(schema, {"x": [{"a": 1, "b": 2}, {"b": 2, "a": 1}]}) == ["/x"]
    assert time.process_time() - began < 2
