"""One expression, read once and evaluated as often as wanted."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from workflows.expressions import analysis, javascript
from workflows.expressions.common_language import CEL
from workflows.expressions.dialect import Dialect
from workflows.expressions.errors import ExpressionError
from workflows.expressions.evaluation import build
from workflows.expressions.javascript import JAVASCRIPT
from workflows.expressions.parser import parse
from workflows.expressions.tokens import Token, scan, tokenize
from workflows.expressions.translation import translated
from workflows.expressions.work import Measure, Work


class Expression:
    """``references`` are the ids of the nodes that it names, ``roots`` what it reads besides."""

    __slots__ = ("_is_javascript", "_run", "references", "roots", "source")

    def __init__(self, source: str, tokens: list[Token], dialect: Dialect) -> None:
        tree = parse(tokens, dialect)
        self._is_javascript = dialect is JAVASCRIPT
        if self._is_javascript:
            tree = translated(tree)
        else:
            analysis.check(tree)
        self.source = source
        self.roots, self.references = analysis.uses(tree)
        self._run = build(tree, dialect)

    def __repr__(self) -> str:
        return f"Expression({self.source!r})"

    def evaluate(self, scope: Mapping[str, Any], measure: Measure | None = None) -> Any:
        """Its value as JSON. ``scope`` maps roots to values; raises ExpressionError."""
        value = self.raw(scope)
        if self._is_javascript and type(value) is float and value.is_integer() and abs(value) < 2**53:
            return int(value)
        try:
            return (measure or Measure()).plain(value)
        except ExpressionError as error:
            raise self._failed(error) from None

    def truth(self, scope: Mapping[str, Any]) -> bool:
        """Whether it holds, by JavaScript's idea of truth; raises ExpressionError."""
        return javascript.truth(self.raw(scope))

    def raw(self, scope: Mapping[str, Any]) -> Any:
        try:
            return self._run(Work(scope))
        except ExpressionError as error:
            raise self._failed(error) from None
        except (ArithmeticError, ValueError, TypeError, RecursionError) as error:
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> ExpressionError:
        kind = type(error) if isinstance(error, ExpressionError) else ExpressionError
        return kind(f"{error}, in {self.source}")


def expression(text: str) -> Expression:
    """A bare one, as a condition has it: CEL, or the seeds' dialect (``analysis.is_seeds_dialect``).

    ``${{ … }}`` and ``{{ … }}`` around all of it are allowed.
    """
    return _bare(text)


def enclosed(text: str, start: int, *, seeds: bool) -> tuple[Expression, int]:
    """The expression from ``start`` to its closing ``}}``, and the position after that."""
    tokens, end = scan(text, start, embedded=True)
    if not text.startswith("}}", end):
        if end < len(text):
            raise ExpressionError(f"unexpected {text[end]!r} at {end - start}")
        raise ExpressionError("the expression is not closed by }}")
    return Expression(text[start:end].strip(), tokens, JAVASCRIPT if seeds else CEL), end + 2


@lru_cache(maxsize=1024)
def _bare(text: str) -> Expression:
    stripped = text.strip()
    for opening in ("${{", "{{"):
        if stripped.startswith(opening):
            found, end = enclosed(stripped, len(opening), seeds=opening == "{{")
            if end == len(stripped):
                return found
    tokens = tokenize(stripped)
    return Expression(stripped, tokens, JAVASCRIPT if analysis.is_seeds_dialect(tokens) else CEL)
