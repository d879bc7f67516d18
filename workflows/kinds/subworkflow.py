"""Runs another workflow and waits for its end: ``config`` is
``{workflowId, input?, version?, mergeOutputs?, onParentClose?}``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from workflows.expressions import Template, template
from workflows.kinds.kind import Kind
from workflows.shape import (
    Reading,
    choice,
    expressed,
    flag,
    identifier,
    mapping,
    optional,
    required,
    whole,
)
from workflows.structure import Node

CLOSINGS = ("cancel", "terminate", "abandon")
"""What becomes of the other execution when this one ends before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubworkflowNode(Node):
    """``workflow`` is its id. ``version`` None: the one that is current when the node runs."""

    workflow: Template
    input: Template
    version: int | None
    merge_outputs: bool
    on_parent_close: str

    def templates(self) -> Iterator[tuple[str, Template]]:
        yield "/config/workflowId", self.workflow
        yield "/config/input", self.input


def build(common: dict[str, Any], config: dict[str, Any]) -> SubworkflowNode:
    return SubworkflowNode(
        **common,
        workflow=config.get("workflowId", template("")),
        input=config.get("input", template({})),
        version=config.get("version"),
        merge_outputs=config.get("mergeOutputs", False),
        on_parent_close=config.get("onParentClose", CLOSINGS[0]),
    )


def check(reading: Reading, document: dict[str, Any], config: dict[str, Any], pointer: str) -> None:
    timeout = document.get("timeout")
    for name in ("scheduleToStart", "heartbeat"):
        if isinstance(timeout, dict) and timeout.get(name) is not None:
            told = "is for procedures; a subworkflow has 'startToClose', the other execution's deadline"
            reading.refuse(f"{pointer}/timeout/{name}", f"{name!r} {told}")


def workflow_id(reading: Reading, value: Any, pointer: str) -> Template | None:
    if not isinstance(value, str):
        return reading.expected(pointer, "a text", value)
    return expressed(identifier)(reading, value, pointer)


def given_input(reading: Reading, value: Any, pointer: str) -> Template | None:
    """An object, or an expression that gives one."""
    if isinstance(value, list):
        return reading.expected(pointer, "an object", value)
    return expressed(mapping)(reading, value, pointer)


KIND = Kind(
    name="subworkflow",
    build=build,
    check=check,
    takes=frozenset({"retry", "timeout", "compensate"}),
    config={
        "workflowId": required(workflow_id),
        "input": optional(given_input),
        "version": optional(whole(1, 2**31 - 1)),
        "mergeOutputs": optional(flag),
        "onParentClose": optional(choice(*CLOSINGS)),
    },
)
