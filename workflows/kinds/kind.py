"""What a kind of node tells of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from workflows.shape import Field, Reading
from workflows.structure import Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """``config`` lists its fields, or is None where config is free.

    ``build(common, config)`` makes the node of what has been read, right or left out; ``check`` notes what no
    single field can tell: (reading, the node as written, its config as read, pointer). ``takes`` are those of
    ``retry``, ``timeout``, ``compensate`` and ``key`` that its nodes may have.
    """

    name: str
    build: Callable[[dict[str, Any], dict[str, Any]], Node]
    config: Mapping[str, Field] | None = None
    check: Callable[[Reading, dict[str, Any], dict[str, Any], str], None] | None = None
    takes: frozenset[str] = frozenset()


def given(document: dict[str, Any]) -> set[str]:
    """The names in the node's config as written, right or not, null aside."""
    config = document.get("config")
    return (
        {name for name, value in config.items() if value is not None} if isinstance(config, dict) else set()
    )
