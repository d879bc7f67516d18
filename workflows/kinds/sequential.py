"""Passes on to ``next``."""

from __future__ import annotations

from typing import Any

from workflows.kinds.kind import Kind
from workflows.structure import Node


class SequentialNode(Node):
    __slots__ = ()


def build(common: dict[str, Any], config: dict[str, Any]) -> SequentialNode:
    return SequentialNode(**common)


KIND = Kind(name="sequential", build=build, config={})
