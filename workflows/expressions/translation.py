"""The seeds' dialect in terms of the roots: ``isPremium`` is ``vars.isPremium``, ``outputs['a']`` and
``get('a')`` are ``nodes['a'].output``. Works on the tree that the tokens gave, never on the text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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
    translate = _TRANSLATIONS.get(type(tree))
    return tree if translate is None else translate(tree)


def _name(tree: Name) -> Tree:
    if tree.name == "undefined":
        return Literal(None)
    if tree.name == "outputs":
        raise ExpressionError("outputs needs a node's id, such as outputs['parse-command']")
    return tree if tree.name in ROOTS else Member(Name("vars"), tree.name)


def _member(tree: Member) -> Tree:
    if tree.target == Name("outputs"):
        return _output(Literal(tree.name))
    return Member(translated(tree.target), tree.name)


def _index(tree: Index) -> Tree:
    if tree.target == Name("outputs"):
        return _output(translated(tree.key))
    return Index(translated(tree.target), translated(tree.key))


def _unary(tree: Unary) -> Tree:
    return Unary(tree.operator, translated(tree.operand))


def _binary(tree: Binary) -> Tree:
    return Binary(tree.operator, translated(tree.left), translated(tree.right))


def _conditional(tree: Conditional) -> Tree:
    return Conditional(translated(tree.test), translated(tree.then), translated(tree.otherwise))


def _list(tree: ListOf) -> Tree:
    return ListOf(tuple(map(translated, tree.items)))


def _call(tree: Call) -> Tree:
    if tree.target is None and tree.name == "get" and len(tree.arguments) == 1:
        return _output(translated(tree.arguments[0]))
    if tree.target is None or tree.name not in METHODS:
        known = ["get"] if tree.target is None else list(METHODS)
        raise ExpressionError(f"unknown function {tree.name}(){suggestion(nearest(tree.name, known))}")
    if len(tree.arguments) != METHODS[tree.name][0]:
        raise ExpressionError(f"{tree.name}() does not take {len(tree.arguments)} arguments")
    return Call(translated(tree.target), tree.name, tuple(map(translated, tree.arguments)))


def _output(key: Tree) -> Tree:
    return Member(Index(Name("nodes"), key), "output")


_TRANSLATIONS: dict[type[Tree], Callable[[Any], Tree]] = {
    Name: _name,
    Member: _member,
    Index: _index,
    Unary: _unary,
    Binary: _binary,
    Conditional: _conditional,
    ListOf: _list,
    Call: _call,
}
