"""The input editor: fields from a schema, an input from fields or from JSON."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import QueryDict

from executions.ui.form import Unreadable, read, run_form

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "string", "description": "Which order"},
        "count": {"type": "integer", "default": 3},
        "price": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        "express": {"type": "boolean"},
        "speed": {"enum": ["slow", "fast"]},
        "address": {"$ref": "#/$defs/Address"},
    },
    "$defs": {"Address": {"type": "object", "title": "Where to"}},
}


def posted(**values: str) -> QueryDict:
    query = QueryDict(mutable=True)
    query.update({name.replace("in_", "in."): value for name, value in values.items()})
    return query


def test_each_property_becomes_a_field_of_its_kind() -> None:
    kinds = {field.name: field.kind for field in run_form(SCHEMA).fields}

    assert kinds == {
        "id": "string",
        "count": "integer",
        "price": "number",
        "express": "boolean",
        "speed": "choice",
        "address": "json",
    }


def test_only_what_is_required_and_has_no_default_is_marked() -> None:
    assert [field.name for field in run_form(SCHEMA).fields if field.required] == ["id"]


def test_without_a_schema_there_is_only_json() -> None:
    form = run_form(None, {"a": 1})

    assert form.fields == [] and form.mode == "json" and '"a": 1' in form.json


def test_fields_give_typed_values_and_empty_ones_nothing() -> None:
    sent = posted(
        mode="form",
        in_id="7",
        in_count="2",
        in_price="1.5",
        in_express="true",
        in_speed="",
        in_address='{"a": 1}',
    )

    assert read(SCHEMA, sent) == {"id": "7", "count": 2, "price": 1.5, "express": True, "address": {"a": 1}}


def test_every_field_that_cannot_be_read_is_told_at_once() -> None:
    with pytest.raises(Unreadable) as caught:
        read(SCHEMA, posted(mode="form", in_count="many", in_address="{"))

    assert [problem["pointer"] for problem in caught.value.problems] == ["/count", "/address"]


@pytest.mark.parametrize("text", ["{", "[1]", "7", '{"a": 1}x', "[" * 100_000])
def test_json_that_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        read(SCHEMA, posted(mode="json", json=text))


@pytest.mark.parametrize("pointer", ["/count", "/input/count", "#/input/count", "/count/0"])
def test_a_problem_is_told_beside_its_field(pointer: str) -> None:
    form = run_form(SCHEMA, mode="form", problems=[{"detail": "too many", "pointer": pointer}])

    assert next(field for field in form.fields if field.name == "count").errors == ("too many",)
    assert form.errors == ()


def test_a_problem_of_no_field_is_told_above_the_form() -> None:
    form = run_form(SCHEMA, mode="form", problems=[{"detail": "too large", "pointer": ""}])

    assert form.errors == ("too large",)


def test_a_property_with_a_strange_schema_is_written_as_json() -> None:
    strange = {"properties": {"a": True, "b": {"oneOf": [{"type": "string"}, {"type": "array"}]}, "c": {}}}

    assert {field.kind for field in run_form(strange).fields} == {"json"}
