"""JSON Schemas that strangers wrote: checked, and applied without letting them fetch, loop or backtrack."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from itertools import islice
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend
from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]
from referencing import Registry
from referencing.exceptions import Unresolvable

from workflows.errors import Problem
from workflows.expressions import ExpressionError
from workflows.expressions.regex import search
from workflows.expressions.templates import escaped

LONGEST = 65_536
"""Characters of a schema as JSON."""
REFERENCES = 2_000
"""How often references may be followed in one validation."""
SHOWN = 50
"""Problems of one input that are told."""

_REFUSED = frozenset(
    {
        "$anchor",
        "$dynamicAnchor",
        "$dynamicRef",
        "$id",
        "$recursiveRef",
        "patternProperties",
        "unevaluatedItems",
        "unevaluatedProperties",
    }
)
"""Keywords that fetch, that need a matcher which backtracks, or that multiply the work."""
_NAMES = frozenset({"$defs", "definitions", "dependentSchemas", "properties"})
_DATA = frozenset({"const", "default", "enum", "examples"})


class Schema:
    """One that has been checked, ready to be applied to many values."""

    __slots__ = ("_validator",)

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._validator = _Validator(document, registry=Registry())

    def problems(self, value: Any) -> list[Problem]:
        """What of ``value`` does not fit, with pointers into it."""
        left = _references_left.set([REFERENCES])
        try:
            return [
                Problem(_pointer(error), error.message[:300]) for error in islice(self._errors(value), SHOWN)
            ]
        except (RecursionError, _TooMuch):
            return [Problem("", "the input takes too much work to check against the schema")]
        except Unresolvable as error:
            return [Problem("", f"the schema refers to what it does not have: {error}"[:300])]
        finally:
            _references_left.reset(left)

    def _errors(self, value: Any) -> Iterator[ValidationError]:
        return self._validator.iter_errors(value)


def schema_problems(document: Mapping[str, Any], pointer: str) -> Iterator[Problem]:
    """What is wrong with the schema itself."""
    if len(json.dumps(document)) > LONGEST:
        yield Problem(pointer, f"a schema may have at most {LONGEST} characters")
        return
    yield from _refused(document, pointer)
    try:
        for error in _METASCHEMA.iter_errors(document):
            yield Problem(pointer + _pointer(error), error.message[:300])
    except RecursionError:
        yield Problem(pointer, "the schema is nested too deeply")


def _refused(document: Mapping[str, Any], pointer: str) -> Iterator[Problem]:
    """Keywords that are not applied here; names of properties and plain data are no keywords."""
    pending: list[tuple[Any, str, bool]] = [(document, pointer, False)]
    while pending:
        value, at, are_names = pending.pop()
        if isinstance(value, list):
            pending.extend((item, f"{at}/{place}", False) for place, item in enumerate(value))
        if not isinstance(value, dict):
            continue
        for key, item in value.items():
            here = f"{at}/{escaped(key)}"
            fault = None if are_names else _fault(key, item)
            if fault:
                yield Problem(here, fault)
            elif are_names or key not in _DATA:
                pending.append((item, here, not are_names and key in _NAMES))


def _fault(keyword: str, value: Any) -> str | None:
    if keyword in _REFUSED:
        return f"{keyword} is not supported here"
    if keyword == "$ref" and not (isinstance(value, str) and value.startswith("#")):
        return "only references within the schema, such as #/$defs/name, are followed"
    if keyword == "pattern" and isinstance(value, str):
        try:
            search("", value)
        except ExpressionError as error:
            return str(error)
    return None


def _pointer(error: ValidationError) -> str:
    return "".join(f"/{escaped(key)}" for key in error.absolute_path)


def _followed(validator: Any, reference: str, value: Any, schema: Any) -> Iterator[ValidationError]:
    left = _references_left.get()
    left[0] -= 1
    if left[0] < 0:
        raise _TooMuch
    yield from _REF(validator, reference, value, schema)


def _matched(validator: Any, pattern: str, value: Any, schema: Any) -> Iterator[ValidationError]:
    if not isinstance(value, str):
        return
    try:
        if not search(value, pattern):
            yield ValidationError(f"{value[:80]!r} does not match {pattern!r}")
    except ExpressionError as error:
        yield ValidationError(str(error))


def _unique(validator: Any, wanted: bool, value: Any, schema: Any) -> Iterator[ValidationError]:
    if wanted and isinstance(value, list):
        written = [json.dumps(item, sort_keys=True) for item in value]
        if len(set(written)) < len(written):
            yield ValidationError("the items are not all different")


class _TooMuch(Exception):
    """References lead to more and more references."""


_references_left: ContextVar[list[int]] = ContextVar("references_left")
_REF = Draft202012Validator.VALIDATORS["$ref"]
_Validator = extend(Draft202012Validator, {"$ref": _followed, "pattern": _matched, "uniqueItems": _unique})
_METASCHEMA = Draft202012Validator(Draft202012Validator.META_SCHEMA, registry=REGISTRY)
