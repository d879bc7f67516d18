"""The output's side of a contract."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import to_json, to_jsonable_python

from procedures.errors import InvalidOutput, Problem
from procedures.pointers import problem_at
from procedures.refusals import problems_of
from procedures.revealing import revealed, spelt
from procedures.schemas import holds_secret, schema_of, secrets_of
from procedures.storable import DEEPEST, encoded, is_suspect, not_finite, parts, some, unstorable, walk


class Output:
    def __init__(self, declared: Any) -> None:
        adapter: TypeAdapter[Any] = TypeAdapter(declared)
        self._validate_json = adapter.validator.validate_json
        self._to_python = adapter.serializer.to_python
        self.schema = schema_of(adapter, "serialization")
        self.secrets = secrets_of(self.schema)
        self._hides = holds_secret(self.schema)
        self._needs_no_check = _sound_classes(declared)

    def dump(self, value: Any) -> Any:
        """Plain JSON data. Raises ``InvalidOutput``."""
        try:
            found = value if isinstance(value, self._needs_no_check) else self._checked(value)
            dumped = self._to_python(found, mode="json", by_alias=True, warnings="error")
            if self._hides:
                dumped = revealed(dumped, self._to_python(found, by_alias=True))
            suspect = is_suspect(encoded(dumped))
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidOutput(self._problems(value, error)) from None
        if suspect:
            _require_storable(dumped, self._to_python(found, by_alias=True))
        return dumped

    def _checked(self, value: Any) -> Any:
        """Judged by its JSON, as strictly as an input."""
        plain = spelt(value) if self._hides else value
        return self._validate_json(to_json(plain, inf_nan_mode="constants"), strict=True)

    def _problems(self, value: Any, error: Exception) -> list[Problem]:
        """The first look that finds something tells: is it JSON, can it be stored, does it fit?"""
        found = some(_unserialisable(value)) or self._misfits(value)
        return found or [problem_at((), f"not JSON: {error}")]

    def _misfits(self, value: Any) -> list[Problem]:
        try:
            plain = _plain(value)
        except (TypeError, ValueError):  # for a reason of its own, such as a serializer that fails
            return []
        return some(unstorable(plain)) or self._refusals(plain)

    def _refusals(self, plain: Any) -> list[Problem]:
        try:
            self._validate_json(encoded(plain), strict=True)
        except ValidationError as error:
            return some(problems_of(error, plain, self.secrets))
        return []


def _sound_classes(declared: Any) -> tuple[type, ...]:
    """Whose instances have been checked when they were made."""
    if declared is Any:
        return (object,)
    return (declared,) if inspect.isclass(declared) and issubclass(declared, BaseModel) else ()


def _require_storable(dumped: Any, original: Any) -> None:
    """``original`` still has the NaNs that are null in ``dumped``."""
    problems = some(unstorable(dumped)) or some(not_finite(original))
    if problems:
        raise InvalidOutput(problems)


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True, warnings=False)
    return to_jsonable_python(value, inf_nan_mode="constants")


def _unserialisable(value: Any) -> Iterator[Problem]:
    """The places that are not JSON and cannot be made so; one pass, however large the value."""
    for path, item in walk(value, _parts):
        if len(path) > DEEPEST:
            yield problem_at(path[:3], "it contains itself, or is nested too deeply")
            return
        if wrong := _why_not(item):
            yield problem_at(path, wrong)


def _parts(value: Any) -> Iterable[tuple[object, Any]]:
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        found = [(name, fields[name].serialization_alias) for name in fields if name in vars(value)]
        return [(alias or name, vars(value)[name]) for name, alias in found]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [(field.name, getattr(value, field.name)) for field in dataclasses.fields(value)]
    return parts(value)


def _why_not(item: Any) -> str:
    """Why a value without parts is not JSON; empty: it is, or has parts."""
    if item is None or isinstance(item, str | int | float) or _parts(item):
        return ""
    try:
        _plain(item)
    except (TypeError, ValueError, RecursionError) as error:
        return _said(item, error)
    return ""


def _said(item: Any, error: Exception) -> str:
    kind = type(item)
    if inspect.iscoroutine(item):
        item.close()
    if hasattr(item, "__await__"):
        return f"a {kind.__name__} is not JSON; was an await forgotten?"
    if isinstance(item, bytes | bytearray):
        return "bytes that are not UTF-8 text are not JSON"
    reason = "" if str(error).startswith("Unable to serialize unknown type") else f" ({error})"
    return f"a value of type {kind.__module__}.{kind.__qualname__} is not JSON{reason}"
