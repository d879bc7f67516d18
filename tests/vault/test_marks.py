"""Which fields a workflow's inputSchema makes secret."""

from __future__ import annotations

from typing import Any

import pytest

from executions.vault.marks import marks

WRITE_ONLY: dict[str, Any] = {"type": "string", "writeOnly": True}
PASSWORD = {"type": "string", "format": "password"}
VALUE = {"user": "u", "token": "t", "extra": 1}


@pytest.mark.parametrize("mark", [WRITE_ONLY, PASSWORD, {"secret": True}])
@pytest.mark.parametrize(
    "schema",
    [
        lambda mark: {"properties": {"user": {}, "token": mark}},
        lambda mark: {"properties": {"token": {"type": "object", "properties": {"inner": mark}}}},
        lambda mark: {"properties": {"token": {"type": "array", "items": mark}}},
        lambda mark: {"properties": {"token": {"anyOf": [{"type": "null"}, mark]}}},
        lambda mark: {"properties": {"token": {"$ref": "#/$defs/t"}}, "$defs": {"t": mark}},
        lambda mark: {"$ref": "#/$defs/all", "$defs": {"all": {"properties": {"token": mark}}}},
        lambda mark: {"allOf": [{"properties": {"user": {}}}, {"properties": {"token": mark}}]},
        lambda mark: {"if": {}, "then": {"properties": {"token": mark}}},
        lambda mark: {"dependentSchemas": {"user": {"properties": {"token": mark}}}},
    ],
)
def test_a_marked_field_is_secret_wherever_the_mark_is(mark: dict[str, Any], schema: Any) -> None:
    assert marks(schema(mark)).of(VALUE) == {"token"}


def test_what_is_not_declared_is_secret_where_that_is_marked() -> None:
    schema = {"properties": {"user": {}}, "additionalProperties": WRITE_ONLY}
    assert marks(schema).of(VALUE) == {"token", "extra"}


def test_a_marked_object_is_secret_whole() -> None:
    assert marks({**WRITE_ONLY, "properties": {"user": {}}}).of(VALUE) == set(VALUE)


def test_a_schema_without_marks_and_none_at_all_mark_nothing() -> None:
    assert marks({"properties": {"token": {"type": "string"}}}).of(VALUE) == set()
    assert marks(None).of(VALUE) == set()


def test_a_schema_that_refers_to_itself_or_to_nothing_is_read_all_the_same() -> None:
    tree: dict[str, Any] = {"properties": {"left": {"$ref": "#"}, "x": {"$ref": "#/$defs/none"}}}
    assert marks(tree).of({"left": 1, "x": 2}) == set()
    tree["properties"]["token"] = WRITE_ONLY
    assert marks({**tree}).of({"left": 1, "x": 2, "token": 3}) == {"left", "token"}


def test_what_is_no_object_is_secret_whole_where_anything_in_it_is_marked() -> None:
    assert marks({"type": "array", "items": {"properties": {"pin": PASSWORD}}}).whole
    assert marks(WRITE_ONLY).whole
    assert not marks({"type": "array", "items": {"type": "string"}}).whole
