"""Documents for tests, as short as they can be."""

from __future__ import annotations

from typing import Any

from workflows.definition import Definition, InvalidDefinition, parse


def document(*nodes: dict[str, Any], **fields: Any) -> dict[str, Any]:
    start = nodes[0]["id"] if nodes else "start"
    return {
        "id": "wf",
        "name": "Workflow",
        "version": "1.0.0",
        "startNode": start,
        "nodes": [*nodes],
        **fields,
    }


def step(id: str, next: Any = None, **fields: Any) -> dict[str, Any]:
    node = {"id": id, "type": "sequential", **fields}
    return node if next is None else {**node, "next": next}


def call(id: str, next: Any = None, **config: Any) -> dict[str, Any]:
    return step(id, next, type="procedure", procedureName="math.add", config=config)


def condition(
    id: str, true: str | None, false: str | None, expression: str = "ok === true"
) -> dict[str, Any]:
    config = {"expression": expression, "trueBranch": true, "falseBranch": false}
    return step(id, type="condition", config=config)


def parallel(id: str, *branches: str, next: str | None = None, **fields: Any) -> dict[str, Any]:
    return step(id, next, type="parallel", config={"branches": [*branches], **fields})


def wait(id: str, next: str | None = None, **config: Any) -> dict[str, Any]:
    return step(id, next, type="wait", config=config)


def mapped(
    id: str, branch: str, next: str | None = None, items: Any = "input.items", **config: Any
) -> dict[str, Any]:
    return step(id, next, type="map", config={"items": items, "branch": branch, **config})


def loop(id: str, branch: str, next: str | None = None, **config: Any) -> dict[str, Any]:
    return step(id, next, type="loop", config={"branch": branch, **(config or {"while": "vars.left > 0"})})


def dag(id: str, next: str | None = None, /, **tasks: list[str]) -> dict[str, Any]:
    """Tasks with what they depend on."""
    written = [{"node": node, "dependsOn": depends_on} for node, depends_on in tasks.items()]
    return step(id, next, type="dag", config={"tasks": written})


def subworkflow(id: str, next: str | None = None, **config: Any) -> dict[str, Any]:
    return step(id, next, type="subworkflow", config={"workflowId": "other", **config})


def defined(*nodes: dict[str, Any], **fields: Any) -> Definition:
    return parse(document(*nodes, **fields))


def told(written: Any) -> dict[str, str]:
    """Problems by pointer; empty for a document that is right."""
    try:
        parse(written)
    except InvalidDefinition as error:
        return {problem.pointer: problem.detail for problem in error.problems}
    return {}
