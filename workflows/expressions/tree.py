"""The syntax tree that both dialects share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Literal:
    value: object


@dataclass(frozen=True, slots=True)
class Name:
    """A root, a macro's own variable, or (in the seeds' dialect) a workflow variable."""

    name: str


@dataclass(frozen=True, slots=True)
class Member:
    target: Tree
    name: str


@dataclass(frozen=True, slots=True)
class Index:
    target: Tree
    key: Tree


@dataclass(frozen=True, slots=True)
class Unary:
    operator: str
    operand: Tree


@dataclass(frozen=True, slots=True)
class Binary:
    operator: str
    left: Tree
    right: Tree


@dataclass(frozen=True, slots=True)
class Conditional:
    test: Tree
    then: Tree
    otherwise: Tree


@dataclass(frozen=True, slots=True)
class Call:
    """``target`` is None for a plain function."""

    target: Tree | None
    name: str
    arguments: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Has:
    """``has(target.name)``."""

    target: Tree
    name: str


@dataclass(frozen=True, slots=True)
class Comprehension:
    """``target.macro(variable, body)``; ``map`` may have a filter before its body."""

    macro: str
    target: Tree
    variable: str
    body: Tree
    only: Tree | None = None


@dataclass(frozen=True, slots=True)
class ListOf:
    items: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class MapOf:
    entries: tuple[tuple[Tree, Tree], ...]


Tree = (
    Literal
    | Name
    | Member
    | Index
    | Unary
    | Binary
    | Conditional
    | Call
    | Has
    | Comprehension
    | ListOf
    | MapOf
)


def children(tree: Tree) -> tuple[Tree, ...]:
    match tree:
        case Member(target) | Has(target):
            return (target,)
        case Index(target, key):
            return (target, key)
        case Unary(_, operand):
            return (operand,)
        case Binary(_, left, right):
            return (left, right)
        case Conditional(test, then, otherwise):
            return (test, then, otherwise)
        case Call(target, _, arguments):
            return arguments if target is None else (target, *arguments)
        case Comprehension(_, target, _, body, only):
            return (target, body) if only is None else (target, only, body)
        case ListOf(items):
            return items
        case MapOf(entries):
            return tuple(part for entry in entries for part in entry)
    return ()


def walk(tree: Tree) -> Iterator[Tree]:
    """Every node of it, without recursion."""
    pending = [tree]
    while pending:
        node = pending.pop()
        yield node
        pending.extend(children(node))


def depth(tree: Tree) -> int:
    level, deepest = [tree], 0
    while level:
        deepest += 1
        level = [child for node in level for child in children(node)]
    return deepest
