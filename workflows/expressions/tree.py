"""The syntax tree that both dialects share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


class Tree:
    """A part of an expression."""

    __slots__ = ()

    @property
    def children(self) -> tuple[Tree, ...]:
        return ()


@dataclass(frozen=True, slots=True)
class Literal(Tree):
    value: object


@dataclass(frozen=True, slots=True)
class Name(Tree):
    """A root, a macro's own variable, or (in the seeds' dialect) a workflow variable."""

    name: str


@dataclass(frozen=True, slots=True)
class Member(Tree):
    target: Tree
    name: str

    @property
    def children(self) -> tuple[Tree, ...]:
        return (self.target,)


@dataclass(frozen=True, slots=True)
class Index(Tree):
    target: Tree
    key: Tree

    @property
    def children(self) -> tuple[Tree, ...]:
        return (self.target, self.key)


@dataclass(frozen=True, slots=True)
class Unary(Tree):
    operator: str
    operand: Tree

    @property
    def children(self) -> tuple[Tree, ...]:
        return (self.operand,)


@dataclass(frozen=True, slots=True)
class Binary(Tree):
    operator: str
    left: Tree
    right: Tree

    @property
    def children(self) -> tuple[Tree, ...]:
        return (self.left, self.right)


@dataclass(frozen=True, slots=True)
class Conditional(Tree):
    test: Tree
    then: Tree
    otherwise: Tree

    @property
    def children(self) -> tuple[Tree, ...]:
        return (self.test, self.then, self.otherwise)


@dataclass(frozen=True, slots=True)
class Call(Tree):
    """``target`` is None for a plain function."""

    target: Tree | None
    name: str
    arguments: tuple[Tree, ...]

    @property
    def children(self) -> tuple[Tree, ...]:
        return self.arguments if self.target is None else (self.target, *self.arguments)


@dataclass(frozen=True, slots=True)
class Has(Tree):
    """``has(target.name)``."""

    target: Tree
    name: str

    @property
    def children(self) -> tuple[Tree, ...]:
        return (self.target,)


@dataclass(frozen=True, slots=True)
class Comprehension(Tree):
    """``target.macro(variable, body)``; ``map`` may have a filter before its body."""

    macro: str
    target: Tree
    variable: str
    body: Tree
    only: Tree | None = None

    @property
    def children(self) -> tuple[Tree, ...]:
        return (self.target, self.body) if self.only is None else (self.target, self.only, self.body)


@dataclass(frozen=True, slots=True)
class ListOf(Tree):
    items: tuple[Tree, ...]

    @property
    def children(self) -> tuple[Tree, ...]:
        return self.items


@dataclass(frozen=True, slots=True)
class MapOf(Tree):
    entries: tuple[tuple[Tree, Tree], ...]

    @property
    def children(self) -> tuple[Tree, ...]:
        return tuple(part for entry in self.entries for part in entry)


def walk(tree: Tree) -> Iterator[Tree]:
    """Every node of it, without recursion."""
    pending = [tree]
    while pending:
        node = pending.pop()
        yield node
        pending.extend(node.children)


def depth(tree: Tree) -> int:
    level, deepest = [tree], 0
    while level:
        deepest += 1
        level = [child for node in level for child in node.children]
    return deepest
