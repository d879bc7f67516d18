"""The input editor: fields made from the workflow's JSON Schema, or one JSON text; both give one input.

What a field cannot say (objects, lists, alternatives) is written as JSON in that field. An empty field that
need not be filled is left out, so that the workflow's own default holds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

Schema = Mapping[str, Any]
Problem = dict[str, Any]

PREFIX = "in."
BOOLEANS = ("true", "false")


class Unreadable(Exception):
    """What was typed is not an input. ``problems``: ``[{detail, pointer}]``."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(problems[0]["detail"])
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    label: str
    kind: str
    required: bool
    help: str
    value: str
    placeholder: str
    options: tuple[str, ...] = ()
    secret: bool = False
    errors: tuple[str, ...] = ()

    @property
    def control(self) -> str:
        return PREFIX + self.name

    @property
    def element(self) -> str:
        return f"field-{self.name}"


@dataclass(frozen=True, slots=True)
class RunForm:
    """``fields`` is empty where there is no schema to make them from: then there is only the JSON."""

    fields: list[Field] = field(default_factory=list)
    json: str = "{}"
    mode: str = "json"
    errors: tuple[str, ...] = ()


def run_form(
    schema: Schema | None,
    value: Mapping[str, Any] | None = None,
    *,
    mode: str = "",
    text: str | None = None,
    problems: Sequence[Problem] = (),
) -> RunForm:
    """``value`` fills it in; ``text`` is JSON as typed, kept when it could not be read."""
    properties = (schema or {}).get("properties") or {}
    placed = {_field_of(problem) for problem in problems} & set(properties)
    return RunForm(
        fields=[_field(schema or {}, name, value or {}, problems) for name in properties],
        json=text if text is not None else json.dumps(value or {}, indent=2, ensure_ascii=False),
        mode=mode or ("form" if properties else "json"),
        errors=tuple(
            str(problem["detail"])
            for problem in problems
            if mode == "json" or _field_of(problem) not in placed
        ),
    )


def read(schema: Schema | None, posted: QueryDict) -> dict[str, Any]:
    """The input that was typed. Raises Unreadable."""
    if posted.get("mode") == "form" and schema:
        return _read_fields(schema, posted)
    return read_json(posted.get("json", ""))


def read_json(text: str) -> dict[str, Any]:
    try:
        value = _parsed(text or "{}")
    except ValueError as problem:
        raise Unreadable([{"detail": str(problem), "pointer": ""}]) from problem
    if not isinstance(value, dict):
        raise Unreadable([{"detail": "The input is an object: write it between { and }.", "pointer": ""}])
    return value


def read_any(text: str) -> Any:
    """Any JSON; None where nothing was typed. Raises Unreadable."""
    try:
        return _parsed(text) if text.strip() else None
    except ValueError as problem:
        raise Unreadable([{"detail": str(problem), "pointer": ""}]) from problem


def typed(schema: Schema | None, posted: QueryDict) -> dict[str, Any]:
    """What was typed into fields, as far as it can be read: to show the form again."""
    found = {}
    for name in (schema or {}).get("properties") or {}:
        text = posted.get(PREFIX + name, "")
        if text:
            found[name] = text
    return found


def _read_fields(schema: Schema, posted: QueryDict) -> dict[str, Any]:
    found: dict[str, Any] = {}
    problems: list[Problem] = []
    for name in schema.get("properties") or {}:
        text = posted.get(PREFIX + name, "")
        if text == "":
            continue
        try:
            found[name] = _value(_kind(_resolved(schema, name)), text)
        except ValueError as problem:
            problems.append({"detail": str(problem), "pointer": f"/{name}"})
    if problems:
        raise Unreadable(problems)
    return found


def _value(kind: str, text: str) -> Any:
    if kind == "integer":
        return _number(int, text, "a whole number")
    if kind == "number":
        return _number(float, text, "a number")
    if kind == "boolean":
        return text == "true"
    if kind == "json":
        return _parsed(text)
    return text


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError as problem:
        raise ValueError("This JSON is nested too deeply.") from problem
    except ValueError as problem:
        raise ValueError(f"This is not JSON: {problem}") from problem


def _number(made: type[int] | type[float], text: str, said: str) -> int | float:
    try:
        value = made(text)
    except ValueError as problem:
        raise ValueError(f"{text!r} is not {said}.") from problem
    return int(value) if value == int(value) and abs(value) < 1e15 else value


def _field(schema: Schema, name: str, value: Mapping[str, Any], problems: Sequence[Problem]) -> Field:
    about = _resolved(schema, name)
    kind = _kind(about)
    return Field(
        name=name,
        label=str(about.get("title") or name),
        kind=kind,
        required=name in schema.get("required", ()) and "default" not in about,
        help=str(about.get("description") or ""),
        value=_shown(kind, value[name]) if name in value else "",
        placeholder=_shown(kind, about["default"]) if about.get("default") is not None else "",
        options=BOOLEANS if kind == "boolean" else tuple(map(str, about.get("enum", ()))),
        secret=bool(about.get("writeOnly") or about.get("secret") or about.get("format") == "password"),
        errors=tuple(str(problem["detail"]) for problem in problems if _field_of(problem) == name),
    )


def _resolved(schema: Schema, name: str) -> Schema:
    """A property with its ``$ref`` followed, and without the null of an optional one."""
    about: Any = schema["properties"][name]
    if not isinstance(about, Mapping):
        return {}
    alternatives = [one for one in about.get("anyOf", ()) if one.get("type") != "null"]
    if len(alternatives) == 1:
        about = {**about, **alternatives[0]}
    target = str(about.get("$ref", ""))
    if target.startswith("#/$defs/"):
        about = {**schema.get("$defs", {}).get(target.removeprefix("#/$defs/"), {}), **about}
    return about


def _kind(about: Schema) -> str:
    types = about.get("type")
    if isinstance(types, list):
        types = next(iter([one for one in types if one != "null"]), None)
    if "enum" in about and types in (None, "string"):
        return "choice"
    if types in ("integer", "number", "boolean"):
        return str(types)
    if types != "string":
        return "json"
    return "text" if about.get("maxLength", 0) > 200 or "contentMediaType" in about else "string"


def _shown(kind: str, value: Any) -> str:
    if isinstance(value, str) and kind != "json":
        return value
    return value if isinstance(value, str) and kind == "json" else json.dumps(value, ensure_ascii=False)


def _field_of(problem: Problem) -> str:
    """The field that a JSON pointer lies in: ``/input/a/0`` and ``#/a`` lie in ``a``."""
    parts = [part for part in str(problem.get("pointer", "")).lstrip("#").split("/") if part]
    if parts[:1] == ["input"] and len(parts) > 1:
        parts = parts[1:]
    return parts[0].replace("~1", "/").replace("~0", "~") if parts else ""
