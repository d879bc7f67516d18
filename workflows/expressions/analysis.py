"""What can be known of an expression before it runs: its dialect, its roots, the nodes that it reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from workflows.errors import nearest, suggestion
from workflows.expressions import common_language, javascript
from workflows.expressions.errors import ExpressionError
from workflows.expressions.functions import FUNCTIONS, TYPES
from workflows.expressions.parser import MACROS
from workflows.expressions.tokens import Token
from workflows.expressions.tree import Call, Comprehension, Index, Literal, Member, Name, Tree, walk

ROOTS = frozenset({"input", "vars", "nodes", "trigger", "error", "item", "index", "execution"})

_SEEDS_OPERATORS = frozenset({"===", "!==", "??", "?."})
_SEEDS_METHODS = frozenset(javascript.METHODS) - frozenset(FUNCTIONS)


class Uses(NamedTuple):
    roots: frozenset[str]
    nodes: frozenset[str]
    """Ids that are named in the text; one that is computed is not known before."""


def is_seeds_dialect(tokens: list[Token]) -> bool:
    """Whether a bare expression is JavaScript-style rather than CEL.

    It is when it has an operator or method that only JavaScript has, ``outputs`` or ``get(…)``, or a bare
    name that is no root; a comprehension makes it CEL whatever else it has.
    """
    names = [(position, token) for position, token in enumerate(tokens) if token.kind == "name"]
    if any(token.value in MACROS and _is_method(tokens, position) for position, token in names):
        return False
    if any(token.kind == "op" and token.value in _SEEDS_OPERATORS for token in tokens):
        return True
    return any(_is_seeds_name(tokens, position, str(token.value)) for position, token in names)


def uses(tree: Tree) -> Uses:
    """A name that a macro binds is neither a root nor, if it is ``nodes``, a way to nodes."""
    free = [node for node, bound in _with_bound(tree) if _root(node) != bound]
    names = {node.name for node in free if isinstance(node, Name)}
    return Uses(frozenset(names & ROOTS), frozenset(filter(None, map(_node_id, free))))


def check(tree: Tree) -> None:
    """Refuse what CEL does not know here: names, functions, comprehensions within one another."""
    for node in walk(tree):
        match node:
            case Call(target, name, arguments):
                _check_call(target, name, len(arguments) + (target is not None))
            case Comprehension() if _is_nested(node):
                raise ExpressionError(f"{node.macro}() may not be within another comprehension")
            case Literal(int() as value) if (
                not isinstance(value, bool) and value not in common_language.INTEGERS
            ):
                raise ExpressionError("the whole number is too large")
    _check_names(tree)


def _is_method(tokens: list[Token], position: int) -> bool:
    return _spelled(tokens, position - 1, ".", "?.") and _spelled(tokens, position + 1, "(")


def _is_seeds_name(tokens: list[Token], position: int, name: str) -> bool:
    called = _spelled(tokens, position + 1, "(")
    if _spelled(tokens, position - 1, ".", "?."):
        return called and name in _SEEDS_METHODS
    if called:
        return name == "get"
    return name not in ROOTS and name not in TYPES and name != "in"


def _spelled(tokens: list[Token], position: int, *spellings: str) -> bool:
    return (
        0 <= position < len(tokens) and tokens[position].kind == "op" and tokens[position].value in spellings
    )


def _node_id(node: Tree) -> str | None:
    match node:
        case Member(Name("nodes"), name):
            return name
        case Index(Name("nodes"), Literal(str() as name)):
            return name
    return None


def _is_nested(tree: Comprehension) -> bool:
    """One after another is well; one for each element of another is not."""
    within = [tree.body] if tree.only is None else [tree.body, tree.only]
    return any(isinstance(inner, Comprehension) for part in within for inner in walk(part))


def _check_call(target: Tree | None, name: str, count: int) -> None:
    function = FUNCTIONS.get(name)
    if function is None:
        known = [*FUNCTIONS, *MACROS, "has"]
        raise ExpressionError(f"unknown function {name}(){suggestion(nearest(name, known))}")
    if target is not None and not function.is_method:
        raise ExpressionError(f"{name}() is called as {name}(x), not as x.{name}()")
    if count not in function.arity:
        raise ExpressionError(f"{name}() does not take {count - (target is not None)} arguments")


def _check_names(tree: Tree) -> None:
    for node, bound in _with_bound(tree):
        if isinstance(node, Name) and node.name not in ROOTS | TYPES and node.name != bound:
            raise ExpressionError(f"unknown name {node.name!r}{suggestion(nearest(node.name, ROOTS))}")


def _with_bound(tree: Tree) -> Iterator[tuple[Tree, str | None]]:
    """Every part with the name that a macro binds around it; there is at most one at a time."""
    pending: list[tuple[Tree, str | None]] = [(tree, None)]
    while pending:
        node, bound = pending.pop()
        yield node, bound
        match node:
            case Comprehension(_, target, variable, body, only):
                pending.append((target, bound))
                pending.extend((part, variable) for part in (body, only) if part is not None)
            case _:
                pending.extend((child, bound) for child in node.children)


def _root(node: Tree) -> str:
    """The name that it is, or is a member of; "" for anything else."""
    match node:
        case Name(name) | Member(Name(name), _) | Index(Name(name), _):
            return name
    return ""
