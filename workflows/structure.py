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
    """``kind``: next, true, false, case, branch, error, join, loop, depends or compensate.

    ``pointer`` is where it is written.
    """

    source: str
    target: str
    kind: str = "next"
    label: str = ""
    pointer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """What every kind has. ``queue`` "" is the default one; without ``retry`` there is one attempt.

    ``compensate``: the node that undoes this one when the execution does not complete. ``key``: a procedure's
    is the idempotency key of its attempts, a wait's the key that its event must have.
    """

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
    compensate: str | None = None
    key: Expression | None = None
    pointer: str = ""

    @property
    def branches(self) -> tuple[str, ...]:
        """The first node of each branch; empty unless the node opens a scope."""
        return ()

    @property
    def repeats(self) -> bool:
        """Whether a branch may run more than once: one after the other, or once for each item."""
        return False

    @property
    def reach(self) -> frozenset[str]:
        """Which of ``item`` and ``index`` its branches have of it."""
        return frozenset()

    def order(self) -> Iterator[tuple[int, int]]:
        """Pairs of branches: the second begins when the first has ended. A loop's begins after itself."""
        return iter(())

    def entries(self) -> Iterator[Edge]:
        """Into its branches, in their order."""
        for position, target in enumerate(self.branches):
            yield self.edge(target, "branch", at=f"/config/branches/{position}")

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

    ``is_static``: no cycle, map or loop, so that ``node_count`` is the most that can run.
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
        """Those that compensate aside, which run only where the execution does not complete."""
        return len(self.nodes) - len(self.compensating)

    @property
    def compensating(self) -> frozenset[str]:
        """Ids of the nodes that undo others."""
        named = (node.compensate for node in self.nodes.values())
        return frozenset(node_id for node_id in named if node_id is not None and node_id in self.nodes)

    def input_problems(self, value: Mapping[str, Any]) -> list[Problem]:
        """What of an execution's input does not fit ``inputSchema``."""
        return [] if self.schema is None else self.schema.problems(value)
