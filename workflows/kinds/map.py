"""Runs its body once for each item: ``config`` is ``{items, node | branch, as?, concurrency?, tolerate?}``.

``items`` is a list, or an expression that gives one; ``node`` and ``branch`` both name the body's first node.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from workflows.expressions import Template, template
from workflows.kinds.kind import Kind, given
from workflows.kinds.parallel import tolerate
from workflows.policies import Join
from workflows.shape import Reading, identifier, listed, optional, required, variable, whole
from workflows.structure import Edge, Node

CONCURRENCY = 100
"""Items at once, if nothing is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MapNode(Node):
    """``as_name``: the variable that holds the item. ``first_field``: how the author named ``first``."""

    items: Template
    as_name: str | None
    first: str
    first_field: str = "branch"
    concurrency: int
    join: Join

    @property
    def branches(self) -> tuple[str, ...]:
        return (self.first,) if self.first else ()

    @property
    def repeats(self) -> bool:
        return True

    @property
    def reach(self) -> frozenset[str]:
        return frozenset({"item", "index"})

    def entries(self) -> Iterator[Edge]:
        if self.first:
            yield self.edge(self.first, "branch", "for each", f"/config/{self.first_field}")

    def templates(self) -> Iterator[tuple[str, Template]]:
        yield "/config/items", self.items


def build(common: dict[str, Any], config: dict[str, Any]) -> MapNode:
    field = "node" if "node" in config else "branch"
    return MapNode(
        **common,
        items=config.get("items", template([])),
        as_name=config.get("as"),
        first=config.get(field, ""),
        first_field=field,
        concurrency=config.get("concurrency", CONCURRENCY),
        join=Join(**config.get("tolerate", {})),
    )


def check(reading: Reading, document: dict[str, Any], config: dict[str, Any], pointer: str) -> None:
    if len(given(document) & {"node", "branch"}) != 1:
        reading.refuse(f"{pointer}/config", "give either 'node' or 'branch': the first node for each item")


KIND = Kind(
    name="map",
    build=build,
    check=check,
    config={
        "items": required(listed),
        "as": optional(variable),
        "node": optional(identifier),
        "branch": optional(identifier),
        "concurrency": optional(whole(1, 10_000)),
        "tolerate": optional(tolerate),
    },
)
