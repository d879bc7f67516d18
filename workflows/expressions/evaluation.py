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


def build(tree: Tree, dialect: Dialect, bound: str | None = None) -> Step:
    """``bound`` is the name that the comprehension around ``tree`` gives to its element."""
    match tree:
        case Literal(value):
            return lambda work: value
        case Name(name):
            return _name(name, bound)
        case Member(target, name):
            return _member(build(target, dialect, bound), name, dialect)
        case Index(target, key):
            return _index(build(target, dialect, bound), build(key, dialect, bound), dialect)
        case Unary(operator, operand):
            return _unary(operator, build(operand, dialect, bound), dialect)
        case Binary(operator, left, right):
            return _binary(operator, build(left, dialect, bound), build(right, dialect, bound), dialect)
        case Conditional():
            return _conditional(tree, dialect, bound)
        case Call():
            return _call(tree, dialect, bound)
        case Has(target, name):
            return _has(build(target, dialect, bound), name)
        case ListOf(items):
            parts = [build(item, dialect, bound) for item in items]
            return lambda work: [part(work) for part in parts]
        case MapOf(entries):
            pairs = [(build(key, dialect, bound), build(value, dialect, bound)) for key, value in entries]
            return lambda work: {_key(key(work)): value(work) for key, value in pairs}
        case Comprehension():
            return _comprehension(tree, dialect, bound)


def _name(name: str, bound: str | None) -> Step:
    if name == bound:
        return lambda work: work.local
    if name in TYPES:
        return lambda work: name

    def root(work: Work) -> Any:
        try:
            return work.scope[name]
        except KeyError:
            raise ExpressionError(f"{name} is not in reach here") from None

    return root


def _member(target: Step, name: str, dialect: Dialect) -> Step:
    member = dialect.member

    def select(work: Work) -> Any:
        value = target(work)
        return value[name] if type(value) is dict and name in value else member(value, name)

    return select


def _index(target: Step, key: Step, dialect: Dialect) -> Step:
    return lambda work: dialect.index(target(work), key(work))


def _unary(operator: str, operand: Step, dialect: Dialect) -> Step:
    if operator == "!":
        return lambda work: not dialect.test(operand(work))
    return lambda work: dialect.negative(operand(work))


def _binary(operator: str, left: Step, right: Step, dialect: Dialect) -> Step:
    if operator in dialect.logical:
        return dialect.logical[operator](left, right)
    compute = dialect.binary[operator]
    return lambda work: compute(work, left(work), right(work))


def _conditional(tree: Conditional, dialect: Dialect, bound: str | None) -> Step:
    test, then, otherwise = (build(part, dialect, bound) for part in (tree.test, tree.then, tree.otherwise))
    return lambda work: then(work) if dialect.test(test(work)) else otherwise(work)


def _call(tree: Call, dialect: Dialect, bound: str | None) -> Step:
    receiver = () if tree.target is None else (tree.target,)
    arguments = [build(part, dialect, bound) for part in (*receiver, *tree.arguments)]
    name, call = tree.name, dialect.call
    return lambda work: call(work, name, [argument(work) for argument in arguments])


def _has(target: Step, name: str) -> Step:
    def has(work: Work) -> bool:
        value = target(work)
        if not isinstance(value, Mapping):
            raise ExpressionError(f"{kind_of(value)} has no members")
        return name in value

    return has


def _key(value: Any) -> Any:
    if isinstance(value, str | int | bool):
        return value
    raise ExpressionError(f"{kind_of(value)} cannot be a key")


def _comprehension(tree: Comprehension, dialect: Dialect, bound: str | None) -> Step:
    target = build(tree.target, dialect, bound)
    body = build(tree.body, dialect, tree.variable)
    only = None if tree.only is None else build(tree.only, dialect, tree.variable)
    cost = 1 + sum(1 for part in (tree.body, tree.only) if part is not None for _ in walk(part))
    run = _MACROS[tree.macro]

    def comprehend(work: Work) -> Any:
        items = _items(target(work))
        work.charge(len(items) * cost)
        return run(work, items, body, only)

    return comprehend


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
