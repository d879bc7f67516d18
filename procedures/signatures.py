"""What a handler's own annotations say: the types of its input and its output, and who wants the context."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, NotRequired

from pydantic import BaseModel, Field
from pydantic.fields import FieldInfo
from typing_extensions import TypedDict

from procedures.context import Context
from procedures.errors import BadProcedure

Parameters = dict[str, tuple[Any, Any]]
"""Each parameter's annotation and default."""

_NO_FIELDS = (
    inspect.Parameter.VAR_POSITIONAL,
    inspect.Parameter.VAR_KEYWORD,
    inspect.Parameter.POSITIONAL_ONLY,
)


@dataclass(frozen=True, slots=True)
class Signature:
    """``model_parameter`` receives the whole input where one pydantic model is the handler's only parameter;
    otherwise ``count`` parameters are the input's fields.
    """

    input_type: Any
    output_type: Any
    model_parameter: str | None
    context_parameter: str | None
    count: int | None


def read(handler: Callable[..., Any], name: str) -> Signature:
    """Raises ``BadProcedure``."""
    parameters, returned = _annotations(handler)
    context = _take_context(parameters)
    model = _only_model(parameters)
    if model:
        return Signature(parameters[model][0], returned, model, context, None)
    return Signature(_fields(name, parameters), returned, None, context, len(parameters))


def is_async(handler: Callable[..., Any]) -> bool:
    """Whether its answer must be awaited."""
    return inspect.iscoroutinefunction(handler)


def _annotations(handler: Callable[..., Any]) -> tuple[Parameters, Any]:
    try:
        hints = typing.get_type_hints(handler, include_extras=True)
        signature = inspect.signature(handler)
    except Exception as error:  # an annotation is any code
        raise BadProcedure(
            f"its annotations cannot be read: {error}",
            "A contract's types belong at module level, imported at run time (not under TYPE_CHECKING).",
        ) from None
    parameters: Parameters = {}
    for name, parameter in signature.parameters.items():
        if parameter.kind in _NO_FIELDS:
            raise BadProcedure(f"parameter {parameter} has no place in a contract; name each field")
        if name not in hints:
            raise BadProcedure(f"parameter {name} has no annotation")
        parameters[name] = (hints[name], parameter.default)
    return parameters, hints.get("return", Any)


def _take_context(parameters: Parameters) -> str | None:
    """Takes out the parameter for the context (``Context | None`` will do), and tells its name."""
    for name, (annotation, _) in parameters.items():
        if annotation is Context or Context in typing.get_args(annotation):
            del parameters[name]
            return name
    return None


def _only_model(parameters: Parameters) -> str | None:
    if len(parameters) != 1:
        return None
    ((name, (annotation, _)),) = parameters.items()
    return name if inspect.isclass(annotation) and issubclass(annotation, BaseModel) else None


def _fields(name: str, parameters: Parameters) -> Any:
    """A dictionary type: unlike a model's, its keys may have any name, ``json`` and ``copy`` as well."""
    fields = {key: _field(annotation, default) for key, (annotation, default) in parameters.items()}
    return TypedDict(f"{name} input", fields)  # type: ignore[operator]


def _field(annotation: Any, default: Any) -> Any:
    if default is inspect.Parameter.empty:
        return annotation
    if isinstance(default, FieldInfo):
        told = Annotated[annotation, default]
        return told if default.is_required() else NotRequired[told]
    return NotRequired[Annotated[annotation, Field(default=default)]]
