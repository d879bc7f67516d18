"""A definition in memory: frozen, its expressions read. Made by ``workflows.definition.parse``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from workflows.errors import Problem
from workflows.expressions import Expression, Template
from workflows.policies import Limits, RetryPolicy, Timeout
from workflows.schemas import Schema


@dataclass(frozen=True, slots=True)
class Edge:
    """``kind``: next, true, false, case, branch, error, join or loop; ``pointer`` is where it is written."""

    source: str
    target: str
    kind: str = "next"
    label: str = ""
    pointer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """What every kind has. ``queue`` "" is the default one; without ``retry`` there is one attempt."""

    id: str
    kind: str
    name: str = ""
    description: str = ""
    procedure: str | None = None
    config: Template
    next: str | None = None
    on_error: str | None = None
    retry: RetryPolicy | None = None
    timeout: Timeout | None = None
    queue: str = ""
    pointer: str = ""

    @property
    def branches(self) -> tuple[str, ...]:
        """The first node of each branch; empty unless the node opens a scope."""
        return ()

    def exits(self) -> Iterator[Edge]:
        """Where its line may go on in the same scope, its error handler aside."""
        if self.next is not None:
            yield self.edge(self.next, "next", at="/next")

    def templates(self) -> Iterator[tuple[str, Template]]:
        """What is resolved when the node runs, each with its pointer from the node."""
        yield "/config", self.config

    def evaluated(self) -> Iterator[tuple[str, Expression]]:
        """What decides where its line goes on, each with its pointer from the node."""
        return iter(())

    def edge(self, target: str, kind: str, label: str = "", at: str = "") -> Edge:
        return Edge(self.id, target, kind, label, self.pointer + at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """``nodes`` in document order; ``version`` is the author's label; ``document`` what it was read from.

    ``is_static``: no cycle, so that the number of nodes is the most that can run.
    """

    id: str
    name: str
    description: str
    version: str
    start_node: str
    nodes: Mapping[str, Node]
    variables: Mapping[str, Any]
    input_schema: Mapping[str, Any] | None
    outputs: Template | None
    triggers: tuple[Mapping[str, Any], ...]
    metadata: Mapping[str, Any]
    limits: Limits
    document: Mapping[str, Any] = field(repr=False)
    is_static: bool = False
    schema: Schema | None = field(default=None, repr=False, compare=False)

    @property
    def node_count(self) -> int:
        return len(self.nodes)

    def input_problems(self, value: Mapping[str, Any]) -> list[Problem]:
        """What of an execution's input does not fit ``inputSchema``."""
        return [] if self.schema is None else self.schema.problems(value)
