"""Workflows that are sent along: long in shape, short in time."""

from __future__ import annotations

from typing import Any


def steps(number: int, seconds: float) -> dict[str, Any]:
    """One wait after the other."""
    nodes = [delay(f"step-{place}", seconds, after=f"step-{place + 1}") for place in range(1, number)]
    return definition("steps", [*nodes, delay(f"step-{number}", seconds)])


def like_long_running(seconds: float) -> dict[str, Any]:
    """``long-running-workflow`` with other delays."""
    return definition(
        "like-long-running",
        [
            delay("phase-1", seconds, after="fetch-data"),
            node("fetch-data", "data.fetch", {"userId": "demo-user-123"}, after="phase-2"),
            delay("phase-2", seconds, after="parallel-tasks"),
            {
                "id": "parallel-tasks",
                "type": "parallel",
                "config": {"branches": ["compute-branch", "io-branch"], "waitForAll": True},
                "next": "phase-3",
            },
            node("compute-branch", "custom.heavyComputation", {"iterations": 50_000}),
            delay("io-branch", seconds),
            delay("phase-3", seconds, after="complete"),
            node("complete", "custom.log", {"message": "completed"}),
        ],
    )


def definition(name: str, nodes: list[dict[str, Any]]) -> dict[str, Any]:
    return {"id": name, "name": name, "version": "1.0.0", "startNode": nodes[0]["id"], "nodes": nodes}


def delay(name: str, seconds: float, after: str | None = None) -> dict[str, Any]:
    return node(name, "custom.delay", {"seconds": seconds}, after)


def node(name: str, procedure: str, config: dict[str, Any], after: str | None = None) -> dict[str, Any]:
    told = {"id": name, "type": "procedure", "procedureName": procedure, "config": config}
    return told | ({"next": after} if after else {})
