"""The first case that holds: ``config`` is ``{cases: [{when, next}], default}``; ``next`` is ignored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from workflows.expressions import Expression
from workflows.kinds.kind import Kind
from workflows.shape import NEVER, evaluated, identifier, list_of, optional, record, required
from workflows.structure import Edge, Node


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchNode(Node):
    """A target that is None ends the line."""

    cases: tuple[tuple[Expression, str | None], ...]
    default: str | None

    def exits(self) -> Iterator[Edge]:
        for position, (when, target) in enumerate(self.cases):
            if target is not None:
                yield self.edge(target, "case", when.source, f"/config/cases/{position}/next")
        if self.default is not None:
            yield self.edge(self.default, "case", "default", "/config/default")

    def evaluated(self) -> Iterator[tuple[str, Expression]]:
        for position, (when, _) in enumerate(self.cases):
            yield f"/config/cases/{position}/when", when


def build(common: dict[str, Any], config: dict[str, Any]) -> SwitchNode:
    cases = tuple((case.get("when", NEVER), case.get("next")) for case in config.get("cases", ()))
    return SwitchNode(**{**common, "next": None}, cases=cases, default=config.get("default"))


_CASE = {"when": required(evaluated), "next": optional(identifier)}

KIND = Kind(
    name="switch",
    build=build,
    config={"cases": required(list_of(record(_CASE), shortest=1)), "default": optional(identifier)},
)
