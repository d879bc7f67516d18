"""Rows in memory, as the engine leaves them; no database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from executions.models import Execution, NodeRun
from workflows.models import WorkflowVersion

TRACE = "89a8f22bff37889aff38f31386b9bd0d"
ROOT = "a7ac6c233bcf25cb"
START = datetime(2026, 11, 21, 3, 49, 33, tzinfo=UTC)


def at(milliseconds: float) -> datetime:
    return START + timedelta(milliseconds=milliseconds)


def moment(epoch_ms: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=epoch_ms)


def an_execution(nodes: list[dict[str, Any]] | None = None, **fields: Any) -> Execution:
    definition = {"id": "demo", "name": "Demo", "startNode": "a", "nodes": nodes or [{"id": "a"}]}
    version = WorkflowVersion(definition_id="demo", number=1, label="1.0.0", definition=definition)
    values: dict[str, Any] = {
        "id": "wf_exec_1_abcdefghi",
        "workflow_id": "demo",
        "workflow_name": "Demo",
        "status": "completed",
        "trace_id": TRACE,
        "span_id": ROOT,
        "queued_at": at(0),
        "started_at": at(0),
        "ended_at": at(100),
    }
    return Execution(version=version, **values | fields)


def a_run(index: int, node_id: str = "a", **fields: Any) -> NodeRun:
    values: dict[str, Any] = {
        "kind": "procedure",
        "procedure": "math.add",
        "status": "completed",
        "input": {"a": 1},
        "output": {"result": 1},
        "started_at": at(10 * index),
        "ended_at": at(10 * index + 5),
        "ended_seq": 10 + index,
    }
    return NodeRun(index=index, node_id=node_id, **values | fields)
