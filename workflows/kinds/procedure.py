"""Calls a procedure: ``config`` is its input."""

from __future__ import annotations

from typing import Any

from workflows.kinds.kind import Kind
from workflows.shape import Reading
from workflows.structure import Node


class ProcedureNode(Node):
    __slots__ = ()


def build(common: dict[str, Any], config: dict[str, Any]) -> ProcedureNode:
    return ProcedureNode(**common)


def check(reading: Reading, document: dict[str, Any], config: dict[str, Any], pointer: str) -> None:
    if document.get("procedureName") is None:
        reading.refuse(pointer, "'procedureName' is missing")


KIND = Kind(
    name="procedure",
    build=build,
    check=check,
    takes=frozenset({"retry", "timeout", "compensate", "key"}),
)
