"""Tokens to a tree, by precedence. Depth is bounded, so hostile text cannot exhaust the stack."""

from __future__ import annotations

from collections.abc import Mapping

from workflows.expressions.dialect import Dialect
from workflows.expressions.errors import ExpressionError
from workflows.expressions.tokens import Token
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
    depth,
)

NESTING = 32
"""Brackets, calls and prefix operators inside one another."""
DEPTH = 100
"""Levels of the whole tree: long chains count as well."""

MACROS = {"all": (1,), "exists": (1,), "exists_one": (1,), "map": (1, 2), "filter": (1,)}
"""Name to how many expressions follow the variable."""

_TOO_DEEP = "the expression is nested too deeply"


def parse(tokens: list[Token], dialect: Dialect) -> Tree:
    parser = _Parser(tokens, dialect.precedence, dialect.comprehensions)
    tree = parser.expression()
    if parser.token.kind != "end":
        parser.refuse()
    if depth(tree) > DEPTH:
        raise ExpressionError(_TOO_DEEP)
    return tree


class _Parser:
    def __init__(self, tokens: list[Token], precedence: Mapping[str, int], macros: bool) -> None:
        self.tokens, self.precedence, self.macros = tokens, precedence, macros
        self.position = self.nesting = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.position]

    def refuse(self) -> None:
        raise ExpressionError(f"unexpected {self.token} at {self.token.at}")

    def take(self) -> Token:
        token = self.token
        self.position += token.kind != "end"
        return token

    def at(self, operator: str) -> bool:
        return self.token.kind == "op" and self.token.value == operator

    def accept(self, operator: str) -> bool:
        found = self.at(operator)
        self.position += found
        return found

    def expect(self, operator: str) -> None:
        if not self.accept(operator):
            raise ExpressionError(f"expected {operator!r} but found {self.token} at {self.token.at}")

    def name(self) -> str:
        if self.token.kind != "name":
            self.refuse()
        return str(self.take().value)

    def expression(self) -> Tree:
        self.nesting += 1
        if self.nesting > NESTING:
            raise ExpressionError(_TOO_DEEP)
        tree = self.binary(1)
        if self.accept("?"):
            then = self.expression()
            self.expect(":")
            tree = Conditional(tree, then, self.expression())
        self.nesting -= 1
        return tree

    def binary(self, lowest: int) -> Tree:
        left = self.unary()
        while (level := self.level()) >= lowest:
            operator = str(self.take().value)
            left = Binary(operator, left, self.binary(level + 1))
        return left

    def level(self) -> int:
        """The precedence of the operator that follows; 0 where none does."""
        if self.token.kind == "op" or self.token.value == "in":
            return self.precedence.get(str(self.token.value), 0)
        return 0

    def unary(self) -> Tree:
        prefixes: list[str] = []
        while self.at("!") or self.at("-"):
            prefixes.append(str(self.take().value))
        if len(prefixes) > NESTING:
            raise ExpressionError(_TOO_DEEP)
        tree = self.postfix(self.primary())
        for operator in reversed(prefixes):
            tree = _prefixed(operator, tree)
        return tree

    def postfix(self, tree: Tree) -> Tree:
        while True:
            if self.accept(".") or self.accept("?."):
                tree = self.member(tree)
            elif self.accept("["):
                tree = Index(tree, self.expression())
                self.expect("]")
            else:
                return tree

    def member(self, target: Tree) -> Tree:
        name = self.name()
        if not self.accept("("):
            return Member(target, name)
        if self.macros and name in MACROS:
            return self.comprehension(target, name)
        return Call(target, name, self.items(")"))

    def comprehension(self, target: Tree, macro: str) -> Tree:
        variable = self.name()
        self.expect(",")
        bodies = self.items(")")
        if len(bodies) not in MACROS[macro]:
            raise ExpressionError(f"{macro}() takes a variable and an expression")
        only = bodies[0] if len(bodies) > 1 else None
        return Comprehension(macro, target, variable, bodies[-1], only)

    def primary(self) -> Tree:
        token = self.take()
        if token.kind == "literal":
            return Literal(token.value)
        if token.kind == "name" and token.value != "in":
            return self.named(str(token.value))
        match token.value:
            case "(":
                tree = self.expression()
                self.expect(")")
                return tree
            case "[":
                return ListOf(self.items("]"))
            case "{" if self.macros:
                return MapOf(self.entries())
        raise ExpressionError(f"unexpected {token} at {token.at}")

    def named(self, name: str) -> Tree:
        if not self.accept("("):
            return Name(name)
        arguments = self.items(")")
        if not (self.macros and name == "has"):
            return Call(None, name, arguments)
        match arguments:
            case (Member(target, field),):
                return Has(target, field)
        raise ExpressionError("has() takes a member, such as has(input.name)")

    def items(self, closing: str) -> tuple[Tree, ...]:
        found: list[Tree] = []
        while not self.accept(closing):
            if found:
                self.expect(",")
                if self.accept(closing):
                    break
            found.append(self.expression())
        return tuple(found)

    def entries(self) -> tuple[tuple[Tree, Tree], ...]:
        found: list[tuple[Tree, Tree]] = []
        while not self.accept("}"):
            if found:
                self.expect(",")
                if self.accept("}"):
                    break
            key = self.expression()
            self.expect(":")
            found.append((key, self.expression()))
        return tuple(found)


def _prefixed(operator: str, tree: Tree) -> Tree:
    match tree:
        case Literal(int() | float() as value) if operator == "-" and not isinstance(value, bool):
            return Literal(-value)
    return Unary(operator, tree)
