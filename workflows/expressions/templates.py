"""JSON with expressions in its strings: ``${{ … }}`` is CEL, ``{{ … }}`` the seeds' dialect."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from workflows.expressions.errors import ExpressionError
from workflows.expressions.expression import Expression, enclosed
from workflows.expressions.functions import number_text
from workflows.expressions.work import TEXT, Measure

DEPTH = 100
"""Levels of lists and maps within one another."""

Report = Callable[[str, str], None]
"""Told of each problem: a pointer from the template's own root, and what is wrong."""
_Resolver = Callable[[Mapping[str, Any], Measure], Any]


class Template:
    """Read once; ``resolve`` puts the expressions' values in. Data that comes in is never looked at again.

    ``expressions`` are those in it, each with its pointer; ``references`` the nodes that they name together.
    """

    __slots__ = ("_constant", "_is_flat", "_resolver", "expressions", "is_constant", "references")

    def __init__(self, value: Any, report: Report | None = None) -> None:
        reader = _Reader(report or _refuse)
        self._resolver = reader.read(value, "", 0)
        self._constant = value
        self._is_flat = isinstance(value, dict) and not any(
            isinstance(v, dict | list) for v in value.values()
        )
        self.is_constant = self._resolver is None
        self.expressions: tuple[tuple[str, Expression], ...] = tuple(reader.expressions)
        self.references: frozenset[str] = frozenset().union(*(e.references for _, e in reader.expressions))

    @classmethod
    def of(cls, expression: Expression) -> Template:
        """Exactly this expression: its value is what the template resolves to."""
        found = cls(None)
        found._constant, found._resolver, found.is_constant = expression.source, expression.evaluate, False
        found.expressions, found.references = (("", expression),), expression.references
        return found

    def __repr__(self) -> str:
        return f"Template({self._constant!r})"

    @property
    def value(self) -> Any:
        """What was written; the caller may change it."""
        return dict(self._constant) if self._is_flat else _copied(self._constant)

    def resolve(self, scope: Mapping[str, Any]) -> Any:
        """The value with every expression evaluated; the caller may change its lists and maps.

        Raises ExpressionError. What an expression takes from the scope is passed on, not copied.
        """
        if self._resolver is None:
            return self.value
        return self._resolver(scope, Measure())


def template(value: Any, report: Report | None = None) -> Template:
    """Without ``report`` the first problem is raised as ExpressionError."""
    return Template(value, report)


def as_text(value: Any) -> str:
    """A value within a text: lists and maps as JSON, null as nothing."""
    match value:
        case str():
            return value
        case None:
            return ""
        case float():
            return number_text(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class _Reader:
    """Gives a resolver for each part that has an expression in it, None for a constant one."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.expressions: list[tuple[str, Expression]] = []

    def read(self, value: Any, pointer: str, depth: int) -> _Resolver | None:
        if depth > DEPTH:
            self.report(pointer, f"nested more than {DEPTH} levels deep")
            return None
        if isinstance(value, str):
            return self._text(value, pointer) if "{{" in value else None
        if isinstance(value, dict):
            return self._map(value, pointer, depth)
        if isinstance(value, list):
            return self._list(value, pointer, depth)
        return None

    def _map(self, value: dict[str, Any], pointer: str, depth: int) -> _Resolver | None:
        parts = [
            (key, item, self.read(item, f"{pointer}/{escaped(key)}", depth + 1))
            for key, item in value.items()
        ]
        if all(part is None for _, _, part in parts):
            return None
        return lambda scope, measure: {
            key: _copied(item) if part is None else part(scope, measure) for key, item, part in parts
        }

    def _list(self, value: list[Any], pointer: str, depth: int) -> _Resolver | None:
        parts = [self.read(item, f"{pointer}/{position}", depth + 1) for position, item in enumerate(value)]
        if not any(parts):
            return None
        return lambda scope, measure: [
            _copied(item) if part is None else part(scope, measure)
            for item, part in zip(value, parts, strict=True)
        ]

    def _text(self, value: str, pointer: str) -> _Resolver | None:
        try:
            parts = list(_parts(value))
        except ExpressionError as error:
            self.report(pointer, str(error))
            return None
        found = [part for part in parts if isinstance(part, Expression)]
        self.expressions.extend((pointer, part) for part in found)
        if not found:
            return None
        if len(parts) == 1:
            return found[0].evaluate
        return lambda scope, measure: _joined(parts, scope, measure)


def _parts(value: str) -> Iterator[str | Expression]:
    """The text's pieces in order: what is written, and what is to be evaluated."""
    position = 0
    while (found := value.find("{{", position)) >= 0:
        is_seeds = value[found - 1 : found] != "$" or found == position
        start = found if is_seeds else found - 1
        if start > position:
            yield value[position:start]
        part, position = enclosed(value, found + 2, seeds=is_seeds)
        yield part
    if position < len(value):
        yield value[position:]


def _joined(parts: list[str | Expression], scope: Mapping[str, Any], measure: Measure) -> str:
    texts = [part if isinstance(part, str) else as_text(part.evaluate(scope, measure)) for part in parts]
    if sum(map(len, texts)) > TEXT:
        raise ExpressionError(f"the text would have more than {TEXT} characters")
    return "".join(texts)


def escaped(key: object) -> str:
    """A key as a JSON pointer has it."""
    return str(key).replace("~", "~0").replace("/", "~1")


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


def _refuse(pointer: str, detail: str) -> None:
    raise ExpressionError(f"{pointer}: {detail}" if pointer else detail)
