"""Which fields a JSON Schema marks as secret: ``writeOnly``, ``format: password`` or ``secret: true``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]

_SAME_VALUE = ("allOf", "anyOf", "oneOf")
_SAME_VALUE_ONE = ("if", "then", "else", "not")
MOST = 1000


@dataclass(frozen=True, slots=True)
class Marks:
    """A field is secret whole, also where only something in it is marked. ``others``: what is not
    ``declared`` is secret as well."""

    secret: frozenset[str] = frozenset()
    declared: frozenset[str] = frozenset()
    others: bool = False
    whole: bool = False
    """What is no object is secret whole: a list of secrets, or just one."""

    def of(self, value: Mapping[str, Any]) -> frozenset[str]:
        """The names of the secret fields that are there."""
        if not (self.secret or self.others):
            return self.secret
        return frozenset(
            name for name in value if name in self.secret or (self.others and name not in self.declared)
        )


NOTHING = Marks()
_known: dict[int, tuple[Schema, Marks]] = {}
"""By the schema's identity; the schema is kept along, so that no other one gets it."""


def marks(schema: Schema | None) -> Marks:
    """Of an object's schema. It is not to be changed afterwards."""
    if schema is None:
        return NOTHING
    kept, found = _known.get(id(schema), (None, NOTHING))
    if kept is not schema:
        if len(_known) >= MOST:
            _known.clear()
        found = _read(schema)
        _known[id(schema)] = schema, found
    return found


def _read(schema: Schema) -> Marks:
    secret: set[str] = set()
    declared: set[str] = set()
    others = _is_marked(schema)
    for part in _of_the_object(schema):
        fields = part.get("properties")
        for name, field in fields.items() if isinstance(fields, Mapping) else ():
            declared.add(name)
            if _holds_mark(field, schema):
                secret.add(name)
        others = others or _is_marked(part) or _holds_mark(part.get("additionalProperties"), schema)
    if any(_is_marked(part) for part in _of_the_object(schema)):
        declared = set()
    whole = _holds_mark(schema, schema)
    return Marks(frozenset(secret), frozenset(declared), others, whole)


def _of_the_object(schema: Schema) -> Iterator[Schema]:
    """Every schema that speaks of the object itself."""
    pending: list[Any] = [schema]
    seen: list[Any] = []
    while pending:
        part = pending.pop()
        if not isinstance(part, Mapping) or any(part is one for one in seen):
            continue
        seen.append(part)
        yield part
        pending.append(_referred(part, schema))
        pending.extend(part.get(keyword) for keyword in _SAME_VALUE_ONE)
        for keyword in _SAME_VALUE:
            found = part.get(keyword)
            pending.extend(found if isinstance(found, list) else ())
        dependent = part.get("dependentSchemas")
        pending.extend(dependent.values() if isinstance(dependent, Mapping) else ())


def _holds_mark(part: Any, schema: Schema) -> bool:
    pending: list[Any] = [part]
    seen: list[Any] = []
    while pending:
        found = pending.pop()
        if isinstance(found, list):
            pending.extend(found)
        if not isinstance(found, Mapping) or any(found is one for one in seen):
            continue
        if _is_marked(found):
            return True
        seen.append(found)
        pending.extend(found.values())
        pending.append(_referred(found, schema))
    return False


def _is_marked(part: Schema) -> bool:
    return part.get("writeOnly") is True or part.get("format") == "password" or part.get("secret") is True


def _referred(part: Schema, schema: Schema) -> Any:
    """What its ``$ref`` leads to: inside the same schema, or nothing."""
    reference = part.get("$ref")
    if not isinstance(reference, str) or not reference.startswith("#"):
        return None
    found: Any = schema
    for step in reference.removeprefix("#").split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list) and name.isdigit() and int(name) < len(found):
            found = found[int(name)]
        else:
            found = found.get(name) if isinstance(found, Mapping) else None
    return found
