"""Every rule that a definition must keep: one function each, the list of them at the bottom."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import replace
from typing import Any, Protocol

from procedures import registry
from workflows.ancestry import Ancestry, may_repeat
from workflows.errors import InvalidDefinition, Problem, few_suggestions, nearest, suggestion
from workflows.expressions import Expression
from workflows.graph import Place, entering, leaving, places
from workflows.reading import read
from workflows.schemas import Schema, schema_problems
from workflows.structure import Definition, Node

COMPENSATING = ("procedure", "subworkflow")
"""Kinds that can undo what others have done."""

_OF_ITEMS = frozenset({"item", "index"})
_INDEX_ONLY = {"item": ", or where a node compensates"}


class Procedures(Container[str], Protocol):
    """What a registry of procedures must offer here."""

    def all(self) -> Iterable[Any]: ...


def problems(document: Any, procedures: Procedures = registry) -> list[Problem]:
    """All that is wrong with the document, in the order of their places in it; empty: it can be published."""
    with few_suggestions():
        definition, found = _checked(document)
        if definition is not None:
            found += unknown_procedures(definition, procedures)
    return _ordered(found)


def validated(document: Any) -> Definition:
    """The definition, or InvalidDefinition with all its problems. Whether its procedures exist is not asked:
    a stored version must be readable when one has gone."""
    with few_suggestions():
        definition, found = _checked(document)
    if definition is None or found:
        raise InvalidDefinition(_ordered(found))
    schema = None if definition.input_schema is None else Schema(definition.input_schema)
    return replace(definition, schema=schema, is_static=not may_repeat(definition))


def start_exists(definition: Definition) -> Iterator[Problem]:
    if definition.start_node and definition.start_node not in definition.nodes:
        yield _unknown(definition, definition.start_node, "/startNode")


def edges_lead_to_nodes(definition: Definition) -> Iterator[Problem]:
    for node in definition.nodes.values():
        for edge in (*leaving(node), *entering(node)):
            if edge.target not in definition.nodes:
                yield _unknown(definition, edge.target, edge.pointer)


def scopes_hold(definition: Definition) -> Iterator[Problem]:
    yield from places(definition).crossings


def references_can_have_run(definition: Definition) -> Iterator[Problem]:
    read_by = [(node, at, used) for node in definition.nodes.values() for at, used in _expressions(node)]
    known = {name for _, _, used in read_by for name in used.references if name in definition.nodes}
    earlier = _Earlier(definition, known)
    for node, at, used in read_by:
        for name in sorted(used.references):
            if name not in known:
                yield _unknown(definition, name, node.pointer + at)
            elif not earlier.may_be_read(name, node, at):
                yield Problem(node.pointer + at, f"node {name!r} cannot have run before {node.id!r}")


def items_are_in_reach(definition: Definition) -> Iterator[Problem]:
    """``item`` and ``index`` are null where nothing goes through items: nobody means that."""
    placed = places(definition).of
    reach = _reach(definition, placed)
    for node in definition.nodes.values():
        for at, used in _expressions(node):
            own = node.reach if at in _asked_at_end(node) else frozenset()
            for root in sorted((used.roots & _OF_ITEMS) - reach.get(node.id, _OF_ITEMS) - own):
                told = f"{root!r} is in reach only within a map or a loop"
                yield Problem(node.pointer + at, told + _INDEX_ONLY.get(root, ""))


def compensation_holds(definition: Definition) -> Iterator[Problem]:
    compensating = {node.compensate: node for node in definition.nodes.values() if node.compensate}
    for node in definition.nodes.values():
        if node.compensate is not None:
            yield from _fit_to_compensate(definition, node, node.compensate)
        if node.id in compensating:
            yield from _followed(node)
        for edge in (*leaving(node), *entering(node)):
            if edge.target in compensating:
                yield _led_to(edge.target, compensating[edge.target], edge.pointer)
    if definition.start_node in compensating:
        yield _led_to(definition.start_node, compensating[definition.start_node], "/startNode")


def outputs_name_nodes(definition: Definition) -> Iterator[Problem]:
    for at, used in definition.outputs.expressions if definition.outputs else ():
        for name in sorted(used.references - definition.nodes.keys()):
            yield _unknown(definition, name, f"/outputs{at}")


def input_schema_is_one(definition: Definition) -> Iterator[Problem]:
    if definition.input_schema is not None:
        yield from schema_problems(definition.input_schema, "/inputSchema")


def unknown_procedures(definition: Definition, procedures: Procedures) -> Iterator[Problem]:
    names: list[str] | None = None
    for node in definition.nodes.values():
        if node.kind != "procedure" or not node.procedure or node.procedure in procedures:
            continue
        names = names or [procedure.name for procedure in procedures.all()]
        hint = suggestion(nearest(node.procedure, names))
        yield Problem(
            f"{node.pointer}/procedureName",
            f"Node {node.id}: procedure {node.procedure} not found in registry{hint}",
        )


def _checked(document: Any) -> tuple[Definition | None, list[Problem]]:
    definition, reading = read(document)
    found = list(reading.problems)
    if definition is not None:
        found += [problem for rule in RULES for problem in rule(definition)]
    return definition, found


class _Earlier:
    """What the expressions of a node may ask for."""

    def __init__(self, definition: Definition, known: Iterable[str]) -> None:
        self._placed = places(definition).of
        self._compensating = definition.compensating
        self._ancestry = Ancestry(definition, known)

    def may_be_read(self, name: str, node: Node, at: str) -> bool:
        if node.id in self._compensating:
            return name in self._placed or name in self._compensating
        if node.id not in self._placed:
            return True
        if at in _asked_at_end(node):
            return self._ancestry.may_precede_end(name, node.id)
        return self._ancestry.may_precede(name, node.id)


def _asked_at_end(node: Node) -> set[str]:
    """Pointers of what a loop asks each time round."""
    return {at for at, _ in node.evaluated()} if node.repeats else set()


def _reach(definition: Definition, placed: dict[str, Place]) -> dict[str, frozenset[str]]:
    """Which of ``item`` and ``index`` each node has; outer scopes come first in ``placed``."""
    found: dict[str, frozenset[str]] = {}
    for node_id, place in placed.items():
        outer = frozenset[str]() if place is None else found[place[0]] | definition.nodes[place[0]].reach
        found[node_id] = outer
    return found | dict.fromkeys(definition.compensating - placed.keys(), frozenset({"item"}))


def _fit_to_compensate(definition: Definition, node: Node, name: str) -> Iterator[Problem]:
    pointer = f"{node.pointer}/compensate"
    if name not in definition.nodes:
        yield _unknown(definition, name, pointer)
    elif definition.nodes[name].kind not in COMPENSATING:
        told = f"{name!r} is of type {definition.nodes[name].kind}; only {' and '.join(COMPENSATING)} nodes"
        yield Problem(pointer, f"{told} can undo something")


def _followed(node: Node) -> Iterator[Problem]:
    fields = (("next", node.next), ("onError", node.on_error), ("compensate", node.compensate))
    for field, value in fields:
        if value is not None:
            told = f"a node that compensates stands alone: it has no {field!r}"
            yield Problem(f"{node.pointer}/{field}", told)


def _led_to(name: str, undone: Node, pointer: str) -> Problem:
    return Problem(pointer, f"{name!r} compensates {undone.id!r}: nothing else may lead to it")


def _expressions(node: Node) -> Iterator[tuple[str, Expression]]:
    if node.key is not None:
        yield "/key", node.key
    yield from node.evaluated()
    for at, template in node.templates():
        yield from ((at + inner, used) for inner, used in template.expressions)


def _unknown(definition: Definition, name: str, pointer: str) -> Problem:
    return Problem(pointer, f"there is no node {name!r}{suggestion(nearest(name, definition.nodes))}")


def _ordered(found: list[Problem]) -> list[Problem]:
    """By place, numbers as numbers; each once."""

    def place(problem: Problem) -> list[tuple[int, str]]:
        parts = problem.pointer.split("/")
        return [(int(part), "") if part.isdecimal() and len(part) < 10 else (-1, part) for part in parts]

    return sorted(dict.fromkeys(found), key=place)


RULES: tuple[Callable[[Definition], Iterator[Problem]], ...] = (
    start_exists,
    edges_lead_to_nodes,
    scopes_hold,
    references_can_have_run,
    items_are_in_reach,
    compensation_holds,
    outputs_name_nodes,
    input_schema_is_one,
)
