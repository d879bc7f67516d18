"""The seeds' dialect in terms of the roots: ``isPremium`` is ``vars.isPremium``, ``outputs['a']`` and
``get('a')`` are ``nodes['a'].output``. Works on the tree that the tokens gave, never on the text."""

from __future__ import annotations

from workflows.errors import nearest, suggestion
from workflows.expressions.analysis import ROOTS
from workflows.expressions.errors import ExpressionError
from workflows.expressions.javascript import METHODS
from workflows.expressions.tree import (
    Binary,
    Call,
    Conditional,
    Index,
    ListOf,
    Literal,
    Member,
    Name,
    Tree,
    Unary,
)


def translated(tree: Tree) -> Tree:
    """Recursive; the parser has bounded the depth."""
    match tree:
        case Name("undefined"):
            return Literal(None)
        case Name("outputs"):
            raise ExpressionError("outputs needs a node's id, such as outputs['parse-command']")
        case Name(name):
            return tree if name in ROOTS else Member(Name("vars"), name)
        case Member(Name("outputs"), name):
            return _output(Literal(name))
        case Index(Name("outputs"), key) | Call(None, "get", (key,)):
            return _output(translated(key))
        case Member(target, name):
            return Member(translated(target), name)
        case Index(target, key):
            return Index(translated(target), translated(key))
        case Unary(operator, operand):
            return Unary(operator, translated(operand))
        case Binary(operator, left, right):
            return Binary(operator, translated(left), translated(right))
        case Conditional(test, then, otherwise):
            return Conditional(translated(test), translated(then), translated(otherwise))
        case ListOf(items):
            return ListOf(tuple(map(translated, items)))
        case Call(target, name, arguments):
            return _call(target, name, arguments)
    return tree


def _output(key: Tree) -> Tree:
    return Member(Index(Name("nodes"), key), "output")


def _call(target: Tree | None, name: str, arguments: tuple[Tree, ...]) -> Tree:
    if target is None or name not in METHODS:
        known = ["get"] if target is None else list(METHODS)
        raise ExpressionError(f"unknown function {name}(){suggestion(nearest(name, known))}")
    if len(arguments) != METHODS[name][0]:
        raise ExpressionError(f"{name}() does not take {len(arguments)} arguments")
    return Call(translated(target), name, tuple(map(translated, arguments)))
