"""Tasks in the order of their dependencies: ``config`` is ``{tasks: [{node, dependsOn?[]}], onFailure?}``.

A task is the line that begins with its node; what depends on nothing that is still open runs at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from workflows.errors import nearest, suggestion
from workflows.kinds.kind import Kind
from workflows.shape import Reading, choice, identifier, list_of, optional, record, required
from workflows.structure import Edge, Node

POLICIES = ("finish", "stop", "continue")
"""Once a task has failed: the rest runs on, then it fails; the rest is stopped; or it completes even so."""


@dataclass(frozen=True, slots=True)
class Task:
    """``depends_on`` are positions of other tasks."""

    node: str
    depends_on: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DagNode(Node):
    tasks: tuple[Task, ...]
    on_failure: str

    @property
    def branches(self) -> tuple[str, ...]:
        return tuple(task.node for task in self.tasks)

    def order(self) -> Iterator[tuple[int, int]]:
        for position, task in enumerate(self.tasks):
            yield from ((earlier, position) for earlier in task.depends_on)

    def entries(self) -> Iterator[Edge]:
        for position, task in enumerate(self.tasks):
            yield self.edge(task.node, "branch", "", f"/config/tasks/{position}/node")


def build(common: dict[str, Any], config: dict[str, Any]) -> DagNode:
    return DagNode(**common, tasks=config.get("tasks", ()), on_failure=config.get("onFailure", POLICIES[0]))


def tasks(reading: Reading, value: Any, pointer: str) -> tuple[Task, ...] | None:
    """Each node once, each dependency known, no cycle; what is wrong is left out."""
    written = list_of(_numbered, shortest=1)(reading, value, pointer)
    if written is None:
        return None
    named: dict[str, tuple[str, ...]] = {}
    at: dict[str, str] = {}
    for place, task in written:
        node = task.get("node")
        if node in named:
            reading.refuse(f"{place}/node", f"there is already a task {node!r}")
        elif node is not None:
            named[node], at[node] = task.get("dependsOn", ()), place
    return _ordered(reading, named, at)


def _ordered(reading: Reading, named: dict[str, tuple[str, ...]], at: dict[str, str]) -> tuple[Task, ...]:
    positions = {node: position for position, node in enumerate(named)}
    found = [
        Task(node, tuple(_positions(reading, node, depends_on, positions, f"{at[node]}/dependsOn")))
        for node, depends_on in named.items()
    ]
    cyclic = _cycle(found)
    if cyclic:
        names = [found[position].node for position in cyclic]
        told = " → ".join([*names, names[0]] if len(names) < 10 else [*names[:10], "…"])
        reading.refuse(f"{at[names[0]]}/dependsOn", f"tasks that depend on one another: {told}")
        return tuple(Task(task.node) for task in found)
    return tuple(found)


def _positions(
    reading: Reading, node: str, depends_on: tuple[str, ...], positions: dict[str, int], pointer: str
) -> Iterator[int]:
    seen: set[str] = set()
    for place, name in enumerate(depends_on):
        if name not in positions:
            hint = suggestion(nearest(name, positions))
            reading.refuse(f"{pointer}/{place}", f"there is no task {name!r}{hint}")
        elif name == node:
            reading.refuse(f"{pointer}/{place}", "a task cannot depend on itself")
        elif name in seen:
            reading.refuse(f"{pointer}/{place}", f"{name!r} is there already")
        else:
            seen.add(name)
            yield positions[name]


def _cycle(found: list[Task]) -> list[int]:
    """Tasks that depend on one another, each on the next; empty if there are none."""
    left = [len(task.depends_on) for task in found]
    followers: list[list[int]] = [[] for _ in found]
    for position, task in enumerate(found):
        for earlier in task.depends_on:
            followers[earlier].append(position)
    ready = [position for position, count in enumerate(left) if count == 0]
    while ready:
        for later in followers[ready.pop()]:
            left[later] -= 1
            if left[later] == 0:
                ready.append(later)
    at = next((position for position, count in enumerate(left) if count), None)
    return [] if at is None else _walked(found, left, at)


def _walked(found: list[Task], left: list[int], at: int) -> list[int]:
    """From a task that never becomes ready along such dependencies, until one comes again."""
    path: dict[int, int] = {}
    while at not in path:
        path[at] = len(path)
        at = next(earlier for earlier in found[at].depends_on if left[earlier])
    return list(path)[path[at] :]


_TASK = record({"node": required(identifier), "dependsOn": optional(list_of(identifier))})


def _numbered(reading: Reading, value: Any, pointer: str) -> tuple[str, dict[str, Any]]:
    return pointer, _TASK(reading, value, pointer)


KIND = Kind(
    name="dag",
    build=build,
    config={"tasks": required(tasks), "onFailure": optional(choice(*POLICIES))},
)
