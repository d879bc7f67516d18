"""Reading JSON by tables of fields: what is wrong is noted with its pointer, and reading goes on."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from workflows.errors import Problem, nearest, suggestion
from workflows.expressions import Expression, ExpressionError, Template, expression, template
from workflows.expressions.templates import escaped

_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_KINDS = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}

NEVER = expression("false")
"""Stands for an expression that could not be read."""


class Reading:
    """The problems found so far."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def refuse(self, pointer: str, detail: str) -> Any:
        """Note it. Gives None: the value of what could not be read."""
        self.problems.append(Problem(pointer, detail))

    def expected(self, pointer: str, what: str, value: Any) -> Any:
        return self.refuse(pointer, f"expected {what}, got {_KINDS.get(type(value), 'a number')}")

    def record(self, value: Any, pointer: str, fields: Mapping[str, Field]) -> dict[str, Any]:
        """The fields that are as they should be; a field that is not is left out, as if it were absent."""
        if not isinstance(value, dict):
            self.expected(pointer, "an object", value)
            return {}
        for name in value.keys() - fields.keys():
            hint = suggestion(nearest(name, fields))
            self.refuse(f"{pointer}/{escaped(name)}", f"unknown field {name[:80]!r}{hint}")
        for name, field in fields.items():
            if field.is_required and name not in value:
                self.refuse(pointer, f"{name!r} is missing")
        read = {
            name: fields[name].check(self, item, f"{pointer}/{name}")
            for name, item in value.items()
            if name in fields
        }
        return {name: item for name, item in read.items() if item is not None}


Check = Callable[[Reading, Any, str], Any]
"""(reading, value, pointer) to what the value means; None after a problem, or where null means absent."""


@dataclass(frozen=True, slots=True)
class Field:
    check: Check
    is_required: bool = False


def optional(check: Check) -> Field:
    """May be left out or null."""
    return Field(lambda reading, value, pointer: None if value is None else check(reading, value, pointer))


def required(check: Check) -> Field:
    return Field(check, is_required=True)


def identifier(reading: Reading, value: Any, pointer: str) -> str | None:
    if not isinstance(value, str):
        return reading.expected(pointer, "a text", value)
    if not _ID.fullmatch(value):
        return reading.refuse(pointer, f"{value[:80]!r} is not an id: 1 to 64 of A-Z a-z 0-9 _ . -")
    return value


def variable(reading: Reading, value: Any, pointer: str) -> str | None:
    """A name that expressions can spell."""
    if not isinstance(value, str):
        return reading.expected(pointer, "a text", value)
    if not _VARIABLE.fullmatch(value):
        return reading.refuse(
            pointer, f"{value[:80]!r} is not a name: 1 to 64 of A-Z a-z 0-9 _, no digit first"
        )
    return value


def text(longest: int = 10_000, *, shortest: int = 0) -> Check:
    def check(reading: Reading, value: Any, pointer: str) -> str | None:
        if not isinstance(value, str):
            return reading.expected(pointer, "a text", value)
        if not shortest <= len(value) <= longest:
            return reading.refuse(pointer, f"expected {shortest} to {longest} characters, got {len(value)}")
        return value

    return check


def number(lowest: float, highest: float) -> Check:
    def check(reading: Reading, value: Any, pointer: str) -> float | None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return reading.expected(pointer, "a number", value)
        if not lowest <= value <= highest:
            return reading.refuse(pointer, f"expected a number from {lowest:g} to {highest:g}, got {value}")
        return value

    return check


def whole(lowest: int, highest: int) -> Check:
    within = number(lowest, highest)

    def check(reading: Reading, value: Any, pointer: str) -> int | None:
        if isinstance(value, float) and not value.is_integer():
            return reading.refuse(pointer, f"expected a whole number, got {value}")
        found = within(reading, value, pointer)
        return None if found is None else int(found)

    return check


def flag(reading: Reading, value: Any, pointer: str) -> bool | None:
    return value if isinstance(value, bool) else reading.expected(pointer, "true or false", value)


def choice(*choices: str) -> Check:
    def check(reading: Reading, value: Any, pointer: str) -> str | None:
        if value not in choices:
            return reading.refuse(pointer, f"expected one of {', '.join(choices)}, got {str(value)[:80]!r}")
        return str(value)

    return check


def mapping(reading: Reading, value: Any, pointer: str) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else reading.expected(pointer, "an object", value)


def list_of(check: Check, *, shortest: int = 0) -> Check:
    """A tuple of what is right among the items."""

    def check_all(reading: Reading, value: Any, pointer: str) -> tuple[Any, ...] | None:
        if not isinstance(value, list):
            return reading.expected(pointer, "a list", value)
        if len(value) < shortest:
            return reading.refuse(pointer, f"expected at least {shortest}, got {len(value)}")
        read = (check(reading, item, f"{pointer}/{position}") for position, item in enumerate(value))
        return tuple(item for item in read if item is not None)

    return check_all


def record(fields: Mapping[str, Field]) -> Check:
    return lambda reading, value, pointer: reading.record(value, pointer, fields)


def resolved(reading: Reading, value: Any, pointer: str) -> Template:
    """JSON with expressions in it."""
    return template(value, lambda at, detail: reading.refuse(pointer + at, detail))


def resolved_mapping(reading: Reading, value: Any, pointer: str) -> Template | None:
    return None if mapping(reading, value, pointer) is None else resolved(reading, value, pointer)


def evaluated(reading: Reading, value: Any, pointer: str) -> Expression:
    """A bare expression; a constant true or false as well."""
    source = {True: "true", False: "false"}.get(value) if isinstance(value, bool) else value
    if not isinstance(source, str):
        reading.expected(pointer, "an expression", value)
        return NEVER
    try:
        return expression(source)
    except ExpressionError as error:
        reading.refuse(pointer, str(error))
        return NEVER


def expressed(check: Check) -> Check:
    """What the check accepts, or something with expressions in it: a template."""

    def check_constant(reading: Reading, value: Any, pointer: str) -> Template | None:
        known = len(reading.problems)
        found = resolved(reading, value, pointer)
        if len(reading.problems) > known or (found.is_constant and check(reading, value, pointer) is None):
            return None
        return found

    return check_constant


def listed(reading: Reading, value: Any, pointer: str) -> Template | None:
    """A list, or an expression that gives one, bare or in braces."""
    if isinstance(value, list):
        return resolved(reading, value, pointer)
    if isinstance(value, str):
        return Template.of(evaluated(reading, value, pointer))
    return reading.expected(pointer, "a list, or an expression that gives one", value)


def one_or_more(check: Check, most: int) -> Check:
    """One, or a list of at most so many: always a tuple."""

    def check_each(reading: Reading, value: Any, pointer: str) -> tuple[Any, ...] | None:
        if not isinstance(value, list):
            found = check(reading, value, pointer)
            return None if found is None else (found,)
        if len(value) > most:
            return reading.refuse(pointer, f"expected at most {most}, got {len(value)}")
        return list_of(check)(reading, value, pointer)

    return check_each
