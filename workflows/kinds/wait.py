"""Waits for a word from outside: ``config`` is ``{signal | event | approval, timeout?}``.

``signal`` and ``event`` are names; ``approval`` is ``{users?[], groups?[], message?, form?}``, where ``form``
is the JSON Schema of what goes with the decision. Any of them may have expressions. The node's ``key`` is the
one that the event must have.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from workflows.expressions import Template
from workflows.kinds.delay import seconds
from workflows.kinds.kind import Kind, given
from workflows.schemas import schema_problems
from workflows.shape import Reading, expressed, list_of, mapping, optional, resolved, text
from workflows.structure import Node

NAME_LENGTH = 200
"""Characters of a name: of a signal, an event, a person, a group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitNode(Node):
    """One of ``signal``, ``event`` and ``approval`` is given. ``limit``: seconds, or None for ever."""

    signal: Template | None
    event: Template | None
    approval: Template | None
    limit: Template | None

    def templates(self) -> Iterator[tuple[str, Template]]:
        fields = (
            ("/config/signal", self.signal),
            ("/config/event", self.event),
            ("/config/approval", self.approval),
            ("/config/timeout", self.limit),
        )
        yield from ((at, template) for at, template in fields if template is not None)


def build(common: dict[str, Any], config: dict[str, Any]) -> WaitNode:
    return WaitNode(
        **common,
        signal=config.get("signal"),
        event=config.get("event"),
        approval=config.get("approval"),
        limit=config.get("timeout"),
    )


def check(reading: Reading, document: dict[str, Any], config: dict[str, Any], pointer: str) -> None:
    if len(given(document) & {"signal", "event", "approval"}) != 1:
        reading.refuse(f"{pointer}/config", "give one of 'signal', 'event' and 'approval'")
    if document.get("key") is not None and "event" not in given(document):
        reading.refuse(f"{pointer}/key", "'key' goes with 'event': it is the key that the event must have")


def name(reading: Reading, value: Any, pointer: str) -> Template | None:
    if not isinstance(value, str):
        return reading.expected(pointer, "a text", value)
    return expressed(text(NAME_LENGTH, shortest=1))(reading, value, pointer)


def approval(reading: Reading, value: Any, pointer: str) -> Template | None:
    if not isinstance(value, dict):
        return reading.expected(pointer, "an object", value)
    known = len(reading.problems)
    reading.record(value, pointer, _APPROVAL)
    return resolved(reading, value, pointer) if len(reading.problems) == known else None


def form(reading: Reading, value: Any, pointer: str) -> Template | None:
    """A JSON Schema; one with expressions in it is known only when it is resolved."""
    found = expressed(mapping)(reading, value, pointer)
    if isinstance(value, dict) and found is not None and found.is_constant:
        for problem in schema_problems(value, pointer):
            reading.refuse(problem.pointer, problem.detail)
    return found


_names = expressed(list_of(text(NAME_LENGTH, shortest=1)))
_APPROVAL = {
    "users": optional(_names),
    "groups": optional(_names),
    "message": optional(expressed(text())),
    "form": optional(form),
}

KIND = Kind(
    name="wait",
    build=build,
    check=check,
    takes=frozenset({"key"}),
    config={
        "signal": optional(name),
        "event": optional(name),
        "approval": optional(approval),
        "timeout": optional(seconds),
    },
)
