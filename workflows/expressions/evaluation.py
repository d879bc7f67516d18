"""A tree to a function of what is in reach: built once per expression, called once per evaluation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from workflows.expressions.dialect import Dialect, Step
from workflows.expressions.errors import ExpressionError
from workflows.expressions.functions import TYPES, kind_of
from workflows.expressions.tree import (
    Binary,
    Call,
    Comprehension,
    Conditional,
    Has,
    Index,
    ListOf,
    Literal,
    MapOf,
    Member,
    Name,
    Tree,
    Unary,
    walk,
)
from workflows.expressions.work import OutOfBounds, Work


def build(tree: Tree, dialect: Dialect) -> Step:
    return _Builder(dialect).build(tree)


class _Builder:
    """``bound`` is the name that the comprehension around a part gives to its element."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.bound: str | None = None

    def build(self, tree: Tree) -> Step:
        return _BUILDERS[type(tree)](self, tree)

    def literal(self, tree: Literal) -> Step:
        value = tree.value
        return lambda work: value

    def name(self, tree: Name) -> Step:
        name = tree.name
        if name == self.bound:
            return lambda work: work.local
        if name in TYPES:
            return lambda work: name
        return _root(name)

    def member(self, tree: Member) -> Step:
        target, name, member = self.build(tree.target), tree.name, self.dialect.member

        def select(work: Work) -> Any:
            value = target(work)
            return value[name] if type(value) is dict and name in value else member(value, name)

        return select

    def index(self, tree: Index) -> Step:
        target, key, index = self.build(tree.target), self.build(tree.key), self.dialect.index
        return lambda work: index(target(work), key(work))

    def unary(self, tree: Unary) -> Step:
        operand, test, negative = self.build(tree.operand), self.dialect.test, self.dialect.negative
        if tree.operator == "!":
            return lambda work: not test(operand(work))
        return lambda work: negative(operand(work))

    def binary(self, tree: Binary) -> Step:
        left, right = self.build(tree.left), self.build(tree.right)
        if tree.operator in self.dialect.logical:
            return self.dialect.logical[tree.operator](left, right)
        compute = self.dialect.binary[tree.operator]
        return lambda work: compute(work, left(work), right(work))

    def conditional(self, tree: Conditional) -> Step:
        held, then, otherwise = self.build(tree.test), self.build(tree.then), self.build(tree.otherwise)
        test = self.dialect.test
        return lambda work: then(work) if test(held(work)) else otherwise(work)

    def call(self, tree: Call) -> Step:
        name, call, arguments = tree.name, self.dialect.call, [self.build(part) for part in tree.children]
        return lambda work: call(work, name, [argument(work) for argument in arguments])

    def has(self, tree: Has) -> Step:
        target, name = self.build(tree.target), tree.name
        return lambda work: _has(target(work), name)

    def list_of(self, tree: ListOf) -> Step:
        items = [self.build(item) for item in tree.items]
        return lambda work: [item(work) for item in items]

    def map_of(self, tree: MapOf) -> Step:
        entries = [(self.build(key), self.build(value)) for key, value in tree.entries]
        return lambda work: {_key(key(work)): value(work) for key, value in entries}

    def comprehension(self, tree: Comprehension) -> Step:
        target = self.build(tree.target)
        outer, self.bound = self.bound, tree.variable
        body, only = self.build(tree.body), None if tree.only is None else self.build(tree.only)
        self.bound = outer
        cost = 1 + sum(1 for part in (tree.body, tree.only) if part is not None for _ in walk(part))
        run = _MACROS[tree.macro]

        def comprehend(work: Work) -> Any:
            items = _items(target(work))
            work.charge(len(items) * cost)
            return run(work, items, body, only)

        return comprehend


def _root(name: str) -> Step:
    def root(work: Work) -> Any:
        try:
            return work.scope[name]
        except KeyError:
            raise ExpressionError(f"{name} is not in reach here") from None

    return root


def _has(value: Any, name: str) -> bool:
    if not isinstance(value, Mapping):
        raise ExpressionError(f"{kind_of(value)} has no members")
    return name in value


def _key(value: Any) -> Any:
    if isinstance(value, str | int | bool):
        return value
    raise ExpressionError(f"{kind_of(value)} cannot be a key")


def _items(value: Any) -> list[Any]:
    """What a comprehension goes through: a list's elements, a map's keys."""
    if isinstance(value, list | tuple | Mapping):
        return list(value)
    raise ExpressionError(f"expected a list or a map, not {kind_of(value)}")


def _map(work: Work, items: list[Any], body: Step, only: Step | None) -> list[Any]:
    chosen = items if only is None else _filter(work, items, only, None)
    return [_with(work, item, body) for item in chosen]


def _filter(work: Work, items: list[Any], body: Step, only: Step | None) -> list[Any]:
    return [item for item in items if _holds(work, item, body)]


def _exists_one(work: Work, items: list[Any], body: Step, only: Step | None) -> bool:
    return sum(_holds(work, item, body) for item in items) == 1


def _all(work: Work, items: list[Any], body: Step, only: Step | None) -> bool:
    return _decided(work, items, body, by=False)


def _exists(work: Work, items: list[Any], body: Step, only: Step | None) -> bool:
    return _decided(work, items, body, by=True)


def _decided(work: Work, items: list[Any], body: Step, *, by: bool) -> bool:
    """As && and || have it: one element that decides makes up for another's error."""
    failure: ExpressionError | None = None
    for item in items:
        try:
            if _holds(work, item, body) is by:
                return by
        except OutOfBounds:
            raise
        except ExpressionError as error:
            failure = failure or error
    if failure is not None:
        raise failure
    return not by


def _holds(work: Work, item: Any, body: Step) -> bool:
    held = _with(work, item, body)
    if not isinstance(held, bool):
        raise ExpressionError(f"expected true or false, not {kind_of(held)}")
    return held


def _with(work: Work, item: Any, body: Step) -> Any:
    work.local = item
    return body(work)


_MACROS: dict[str, Callable[[Work, list[Any], Step, Step | None], Any]] = {
    "all": _all,
    "exists": _exists,
    "exists_one": _exists_one,
    "map": _map,
    "filter": _filter,
}
_BUILDERS: dict[type[Tree], Callable[[_Builder, Any], Step]] = {
    Literal: _Builder.literal,
    Name: _Builder.name,
    Member: _Builder.member,
    Index: _Builder.index,
    Unary: _Builder.unary,
    Binary: _Builder.binary,
    Conditional: _Builder.conditional,
    Call: _Builder.call,
    Has: _Builder.has,
    ListOf: _Builder.list_of,
    MapOf: _Builder.map_of,
    Comprehension: _Builder.comprehension,
}
