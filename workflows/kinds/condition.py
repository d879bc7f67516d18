"""One way or the other: ``config`` is ``{expression, trueBranch, falseBranch}``; ``next`` is ignored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from workflows.expressions import Expression
from workflows.kinds.kind import Kind, given
from workflows.shape import NEVER, Reading, evaluated, identifier, optional, required
from workflows.structure import Edge, Node


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionNode(Node):
    """A branch that is None ends the line."""

    expression: Expression
    true_branch: str | None
    false_branch: str | None

    def exits(self) -> Iterator[Edge]:
        if self.true_branch is not None:
            yield self.edge(self.true_branch, "true", "true", "/config/trueBranch")
        if self.false_branch is not None:
            yield self.edge(self.false_branch, "false", "false", "/config/falseBranch")

    def evaluated(self) -> Iterator[tuple[str, Expression]]:
        yield "/config/expression", self.expression


def build(common: dict[str, Any], config: dict[str, Any]) -> ConditionNode:
    return ConditionNode(
        **{**common, "next": None},
        expression=config.get("expression", NEVER),
        true_branch=config.get("trueBranch"),
        false_branch=config.get("falseBranch"),
    )


def check(reading: Reading, document: dict[str, Any], config: dict[str, Any], pointer: str) -> None:
    if not given(document) & {"trueBranch", "falseBranch"}:
        reading.refuse(f"{pointer}/config", "one of 'trueBranch' and 'falseBranch' must be given")


KIND = Kind(
    name="condition",
    build=build,
    check=check,
    config={
        "expression": required(evaluated),
        "trueBranch": optional(identifier),
        "falseBranch": optional(identifier),
    },
)
