"""What leaves an execution that has secrets, for people to read: rows and events, with the secrets masked."""

from __future__ import annotations

from typing import Any

import orjson

from executions.vault.known import Secrets

Row = dict[str, Any]

_READ_IN_RUNS = ("reason", "error", "attempts", "spans")
_READ_IN_MOVES = ("reason", "error", "ending")
_OWN = frozenset(
    {
        *("nodeId", "nodeIndex", "runId", "attempt", "nextNodeId", "handledBy", "path", "nodesExecuted"),
        *("timestamp", "startTime", "duration", "executionTime", "retryAt", "until", "totalNodes", "trigger"),
        *("level", "offset", "progress", "workflowVersion", "childExecutionId"),
    }
)
"""Fields of events that are the engine's own words: a secret that looks like a node's id changes no id."""


def mask_run(row: Row, secrets: Secrets) -> None:
    for name in _READ_IN_RUNS:
        row[name] = secrets.masked(row[name])


def mask_moved(row: Row, secrets: Secrets) -> None:
    for name in _READ_IN_MOVES:
        row[name] = secrets.masked(row[name])


def mask_event(row: Row, secrets: Secrets) -> None:
    """Outputs in it are shown ones already."""
    row["data"] = {
        name: value if name in _OWN or isinstance(value, orjson.Fragment) else secrets.masked(value)
        for name, value in row["data"].items()
    }
