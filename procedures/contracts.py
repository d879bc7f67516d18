"""A procedure's contract: what goes in and what comes out, as types, checks and JSON Schema.

Made from the handler's own annotations. Either it takes one pydantic model, or its parameters are the fields.
JSON's types are taken strictly (``"5"`` is no number), dates and the like from their text; fields that the
contract does not name are dropped.
"""

from __future__ import annotations

import inspect
import math
import typing
from collections.abc import Callable, Iterator
from typing import Any

import orjson
from pydantic import (
    BaseModel,
    ConfigDict,
    PydanticUserError,
    SecretBytes,
    SecretStr,
    TypeAdapter,
    ValidationError,
)
from pydantic import create_model as make_model
from pydantic_core import PydanticSerializationError

from procedures.context import Context
from procedures.errors import BadProcedure, InvalidInput, InvalidOutput, Problem


class Contract:
    """``fields`` are the input's names on the wire; ``secrets`` those of them that are never to be shown."""

    def __init__(self, handler: Callable[..., Any], name: str) -> None:
        parameters, returned = _annotations(handler)
        self.context_parameter = _context_parameter(parameters)
        self._single = _single_model(parameters)
        model = self._single[1] if self._single else _model_of(name, parameters)
        try:
            self._input: TypeAdapter[BaseModel] = TypeAdapter(model)
            self._output: TypeAdapter[Any] = TypeAdapter(returned)
            self.input_schema = _schema(self._input, "validation")
            self.output_schema = _schema(self._output, "serialization")
        except (PydanticUserError, TypeError, NameError) as error:
            raise BadProcedure(f"its contract cannot be read: {' '.join(str(error).split())}") from None
        self._model = returned if inspect.isclass(returned) and issubclass(returned, BaseModel) else None
        self.fields: tuple[str, ...] = tuple(field.alias or key for key, field in model.model_fields.items())
        self.secrets = frozenset(_secrets(model))

    def validate_input(self, values: dict[str, Any]) -> dict[str, Any]:
        """The handler's keyword arguments. Raises ``InvalidInput`` with every problem."""
        try:
            found = self._input.validate_json(orjson.dumps(values), strict=True)
        except ValidationError as error:
            raise InvalidInput(_problems(error)) from None
        except TypeError as error:
            raise InvalidInput([{"detail": f"the input is not JSON: {error}", "pointer": ""}]) from None
        return {self._single[0]: found} if self._single else dict(found.__dict__)

    def dump_output(self, value: Any) -> Any:
        """The handler's answer as JSON data. Raises ``InvalidOutput`` with every problem."""
        try:
            if self._model is None or not isinstance(value, self._model):
                value = self._output.validate_python(value)
            dumped = self._output.dump_python(value, mode="json", by_alias=True)
        except ValidationError as error:
            raise InvalidOutput(_problems(error)) from None
        except (PydanticSerializationError, UnicodeError, RecursionError, ValueError) as error:
            raise InvalidOutput([{"detail": f"not JSON: {error}", "pointer": ""}]) from None
        problems = list(unstorable(dumped))
        if problems:
            raise InvalidOutput(problems)
        return dumped


def unstorable(value: Any) -> Iterator[Problem]:
    """Where a JSON value holds what the database cannot: NUL characters, NaN and infinities."""
    pending: list[tuple[Any, str]] = [(value, "")]
    while pending:
        value, pointer = pending.pop()
        if isinstance(value, dict):
            for key, item in value.items():
                pending.append((key, pointer))
                pending.append((item, f"{pointer}/{_escaped(str(key))}"))
        elif isinstance(value, list):
            pending += [(item, f"{pointer}/{place}") for place, item in enumerate(value)]
        elif isinstance(value, str):
            if "\0" in value:
                yield {"detail": f"{_where(pointer)}a NUL character cannot be stored", "pointer": pointer}
        elif isinstance(value, float) and not math.isfinite(value):
            yield {"detail": f"{_where(pointer)}{value} is not a JSON number", "pointer": pointer}


def _annotations(handler: Callable[..., Any]) -> tuple[dict[str, tuple[Any, Any]], Any]:
    """Each parameter's type and default, and the type of the answer."""
    try:
        hints = typing.get_type_hints(handler, include_extras=True)
    except (NameError, TypeError) as error:
        raise BadProcedure(f"an annotation cannot be read: {error}") from None
    parameters = {}
    for name, parameter in inspect.signature(handler).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise BadProcedure(f"parameter {parameter} has no place in a contract; name each field")
        if name not in hints:
            raise BadProcedure(f"parameter {name} has no annotation")
        default = ... if parameter.default is parameter.empty else parameter.default
        parameters[name] = (hints[name], default)
    return parameters, hints.get("return", Any)


def _context_parameter(parameters: dict[str, tuple[Any, Any]]) -> str | None:
    """Takes the context's parameter out, and tells its name."""
    for name, (annotation, _) in list(parameters.items()):
        if annotation is Context:
            del parameters[name]
            return name
    return None


def _single_model(parameters: dict[str, tuple[Any, Any]]) -> tuple[str, type[BaseModel]] | None:
    if len(parameters) != 1:
        return None
    name, (annotation, _) = next(iter(parameters.items()))
    is_model = inspect.isclass(annotation) and issubclass(annotation, BaseModel)
    return (name, annotation) if is_model else None


def _model_of(name: str, parameters: dict[str, tuple[Any, Any]]) -> type[BaseModel]:
    try:
        made: type[BaseModel] = make_model(
            f"{name} input",
            __config__=ConfigDict(arbitrary_types_allowed=False, populate_by_name=False),
            **parameters,  # type: ignore[call-overload]
        )
    except (PydanticUserError, NameError, TypeError) as error:
        raise BadProcedure(f"its parameters make no contract: {' '.join(str(error).split())}") from None
    return made


def _schema(adapter: TypeAdapter[Any], mode: typing.Literal["validation", "serialization"]) -> dict[str, Any]:
    return adapter.json_schema(by_alias=True, mode=mode)


def _secrets(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        extra = field.json_schema_extra
        marked = isinstance(extra, dict) and extra.get("secret") is True
        if marked or any(found in (SecretStr, SecretBytes) for found in _alternatives(field.annotation)):
            yield field.alias or name


def _alternatives(annotation: Any) -> tuple[Any, ...]:
    return (annotation, *typing.get_args(annotation))


def _problems(error: ValidationError) -> list[Problem]:
    found = []
    for item in error.errors(include_url=False, include_input=False, include_context=False):
        pointer = "".join(f"/{_escaped(str(part))}" for part in item["loc"])
        found.append({"detail": f"{_where(pointer)}{item['msg']}", "pointer": pointer})
    return found


def _where(pointer: str) -> str:
    """``/a/0/b`` as a reader says it: ``a.0.b: ``."""
    named = pointer[1:].replace("/", ".").replace("~1", "/").replace("~0", "~")
    return f"{named}: " if named else ""


def _escaped(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")
