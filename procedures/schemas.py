"""JSON Schemas (2020-12) of contracts, and what can be read from them."""

from __future__ import annotations

import warnings
from typing import Any, Literal

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, PydanticJsonSchemaWarning

Schema = dict[str, Any]


class Untitled(GenerateJsonSchema):
    """Without titles that say a field's name once more, in odd capitals."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def schema_of(adapter: TypeAdapter[Any], mode: Literal["validation", "serialization"]) -> Schema:
    """By the names on the wire. The default of a secret field is left out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PydanticJsonSchemaWarning)  # a default that is no JSON is left out
        schema = adapter.json_schema(by_alias=True, mode=mode, schema_generator=Untitled)
    fields = properties(schema)
    for name in secrets_of(schema):
        fields[name].pop("default", None)
    return schema


def properties(schema: Schema) -> dict[str, Schema]:
    """The fields of an object's schema; none: it is no object, or one without known fields."""
    found: dict[str, Schema] = _resolved(schema, schema).get("properties", {})
    return found


def is_object(schema: Schema) -> bool:
    return _resolved(schema, schema).get("type") == "object"


def secrets_of(schema: Schema) -> frozenset[str]:
    """Fields that are marked ``"secret": true`` or of a secret type, or hold one that is."""
    return frozenset(name for name, part in properties(schema).items() if _is_secret(part, schema, set()))


def holds_secret(schema: Schema) -> bool:
    """Whether anything in it is marked, at whatever depth."""
    return _is_secret(schema, schema, set())


def _is_secret(part: Any, schema: Schema, seen: set[str]) -> bool:
    if isinstance(part, list):
        return any(_is_secret(item, schema, seen) for item in part)
    if not isinstance(part, dict):
        return False
    if part.get("secret") is True or (part.get("format") == "password" and part.get("writeOnly") is True):
        return True
    reference = part.get("$ref")
    if isinstance(reference, str) and reference not in seen:
        seen.add(reference)
        return _is_secret(_resolved(part, schema), schema, seen)
    return any(_is_secret(item, schema, seen) for item in part.values())


def _resolved(part: Schema, schema: Schema) -> Schema:
    """Behind a reference into the schema's own definitions."""
    reference = part.get("$ref", "")
    found: Schema = schema["$defs"][reference.removeprefix("#/$defs/")] if reference else part
    return found
