"""Runs its body again and again: ``config`` is ``{while | until | forEach, branch, limit?, as?}``.

``while`` is asked before each time, ``until`` after it. ``forEach`` is a list, or an expression for one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from workflows.expressions import Expression, Template, template
from workflows.kinds.kind import Kind, given
from workflows.shape import NEVER, Reading, evaluated, identifier, listed, optional, required, variable, whole
from workflows.structure import Edge, Node

MODES = ("while", "until", "forEach")
LIMIT = 1_000
"""Times round, if nothing is said."""
MOST = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopNode(Node):
    """``mode`` is while or until, with ``test``, or forEach, with ``items``. ``limit``: times round."""

    mode: str
    test: Expression | None
    items: Template | None
    as_name: str | None
    first: str
    limit: int

    @property
    def branches(self) -> tuple[str, ...]:
        return (self.first,) if self.first else ()

    @property
    def repeats(self) -> bool:
        return True

    @property
    def reach(self) -> frozenset[str]:
        return frozenset({"index"} if self.items is None else {"item", "index"})

    def order(self) -> Iterator[tuple[int, int]]:
        if self.first:
            yield 0, 0

    def entries(self) -> Iterator[Edge]:
        if self.first:
            yield self.edge(self.first, "branch", self._label(), "/config/branch")

    def templates(self) -> Iterator[tuple[str, Template]]:
        if self.items is not None:
            yield "/config/forEach", self.items

    def evaluated(self) -> Iterator[tuple[str, Expression]]:
        if self.test is not None:
            yield f"/config/{self.mode}", self.test

    def _label(self) -> str:
        return "for each" if self.test is None else f"{self.mode} {self.test.source}"


def build(common: dict[str, Any], config: dict[str, Any]) -> LoopNode:
    mode = next((mode for mode in MODES if mode in config), "while")
    is_tested = mode != "forEach"
    return LoopNode(
        **common,
        mode=mode,
        test=config.get(mode, NEVER) if is_tested else None,
        items=None if is_tested else config.get(mode, template([])),
        as_name=config.get("as"),
        first=config.get("branch", ""),
        limit=config.get("limit", LIMIT),
    )


def check(reading: Reading, document: dict[str, Any], config: dict[str, Any], pointer: str) -> None:
    written = given(document)
    if len(written & {*MODES}) != 1:
        reading.refuse(f"{pointer}/config", "give one of 'while', 'until' and 'forEach'")
    if "as" in written and "forEach" not in written:
        reading.refuse(f"{pointer}/config/as", "'as' goes with 'forEach': it names the item")


KIND = Kind(
    name="loop",
    build=build,
    check=check,
    config={
        "while": optional(evaluated),
        "until": optional(evaluated),
        "forEach": optional(listed),
        "branch": required(identifier),
        "limit": optional(whole(1, MOST)),
        "as": optional(variable),
    },
)
