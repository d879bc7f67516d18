"""Every rule that a definition must keep: one function each, the list of them at the bottom."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import replace
from typing import Any, Protocol

from procedures import registry
from workflows.ancestry import Ancestry, has_cycle
from workflows.errors import InvalidDefinition, Problem, nearest, suggestion
from workflows.expressions import Expression
from workflows.graph import entering, leaving, places
from workflows.reading import read
from workflows.schemas import Schema, schema_problems
from workflows.structure import Definition, Node


class Procedures(Container[str], Protocol):
    """What a registry of procedures must offer here."""

    def all(self) -> Iterable[Any]: ...


def problems(document: Any, procedures: Procedures = registry) -> list[Problem]:
    """All that is wrong with the document, in the order of their places in it; empty: it can be published."""
    definition, found = checked(document)
    if definition is not None:
        found += unknown_procedures(definition, procedures)
    return _ordered(found)


def validated(document: Any) -> Definition:
    """The definition, or InvalidDefinition with all its problems. Whether its procedures exist is not asked:
    a stored version must be readable when one has gone."""
    definition, found = checked(document)
    if definition is None or found:
        raise InvalidDefinition(_ordered(found))
    schema = None if definition.input_schema is None else Schema(definition.input_schema)
    return replace(definition, schema=schema, is_static=not has_cycle(definition))


def checked(document: Any) -> tuple[Definition | None, list[Problem]]:
    definition, reading = read(document)
    found = list(reading.problems)
    if definition is not None:
        found += [problem for rule in RULES for problem in rule(definition)]
    return definition, found


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
    ancestry = Ancestry(definition, known)
    reachable = places(definition).of
    for node, at, used in read_by:
        for name in sorted(used.references):
            if name not in known:
                yield _unknown(definition, name, node.pointer + at)
            elif node.id in reachable and not ancestry.may_precede(name, node.id):
                yield Problem(node.pointer + at, f"node {name!r} cannot have run before {node.id!r}")


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


def _expressions(node: Node) -> Iterator[tuple[str, Expression]]:
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
    outputs_name_nodes,
    input_schema_is_one,
)
