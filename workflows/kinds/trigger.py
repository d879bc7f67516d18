"""Where an execution that was triggered comes in; gives ``{triggerId, timestamp, event}``."""

from __future__ import annotations

from typing import Any

from workflows.kinds.kind import Kind
from workflows.structure import Node


class TriggerNode(Node):
    __slots__ = ()


def build(common: dict[str, Any], config: dict[str, Any]) -> TriggerNode:
    return TriggerNode(**common)


KIND = Kind(name="trigger", build=build)
