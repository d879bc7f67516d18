"""The output's side of a contract."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import to_json, to_jsonable_python

from procedures.errors import InvalidOutput, Problem
from procedures.pointers import problem_at
from procedures.refusals import problems_of
from procedures.schemas import schema_of, secrets_of
from procedures.storable import Path, encoded, is_suspect, not_finite, parts, some, unstorable


class Output:
    def __init__(self, declared: Any) -> None:
        self._adapter: TypeAdapter[Any] = TypeAdapter(declared)
        self.schema = schema_of(self._adapter, "serialization")
        self.secrets = secrets_of(self.schema)
        self._needs_no_check = _sound_classes(declared)

    def dump(self, value: Any) -> Any:
        """Plain JSON data. Raises ``InvalidOutput``."""
        try:
            found = value if isinstance(value, self._needs_no_check) else self._checked(value)
            dumped = self._adapter.dump_python(found, mode="json", by_alias=True, warnings="error")
            suspect = is_suspect(encoded(dumped))
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidOutput(self._problems(value, error)) from None
        if suspect:
            _require_storable(dumped, self._adapter.dump_python(found, by_alias=True))
        return dumped

    def _checked(self, value: Any) -> Any:
        """Judged by its JSON, as strictly as an input."""
        return self._adapter.validate_json(to_json(value, inf_nan_mode="constants"), strict=True)

    def _problems(self, value: Any, error: Exception) -> list[Problem]:
        """The first look that finds something tells: is it JSON, can it be stored, does it fit?"""
        found = some(_unserialisable(value))
        if found:
            return found
        plain = _plain(value)
        found = some(unstorable(plain)) or self._misfits(plain)
        return found or [{"detail": f"not JSON: {error}", "pointer": ""}]

    def _misfits(self, plain: Any) -> list[Problem]:
        try:
            self._adapter.validate_json(encoded(plain), strict=True)
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


def _unserialisable(value: Any, path: Path = (), within: tuple[int, ...] = ()) -> Iterator[Problem]:
    """The innermost places that cannot be made JSON."""
    try:
        _plain(value)
    except (TypeError, ValueError, RecursionError) as error:
        within = (*within, id(value))
        deeper = [
            problem
            for key, part in _parts(value)
            if id(part) not in within
            for problem in _unserialisable(part, (*path, key), within)
        ]
        yield from deeper or [problem_at(path, _why(value, error))]


def _parts(value: Any) -> Iterable[tuple[object, Any]]:
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        return [(field.serialization_alias or name, getattr(value, name)) for name, field in fields.items()]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [(field.name, getattr(value, field.name)) for field in dataclasses.fields(value)]
    return parts(value)


def _why(value: Any, error: Exception) -> str:
    kind = type(value)
    if inspect.iscoroutine(value):
        value.close()
    if hasattr(value, "__await__"):
        return f"a {kind.__name__} is not JSON; was an await forgotten?"
    if isinstance(value, bytes | bytearray):
        return "bytes that are not UTF-8 text are not JSON"
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        return "it contains itself, or is nested too deeply"
    reason = "" if str(error).startswith("Unable to serialize unknown type") else f" ({error})"
    return f"a value of type {kind.__module__}.{kind.__qualname__} is not JSON{reason}"
