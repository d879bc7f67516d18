from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from executions.models import Event, Execution, NodeRun
from workflows.models import Workflow, WorkflowVersion

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DEFINITION = {
    "id": "demo",
    "name": "Demo",
    "version": "1.0.0",
    "startNode": "add",
    "nodes": [{"id": "add", "type": "procedure", "procedureName": "math.add", "config": {"a": 1, "b": 2}}],
}


@pytest.fixture
def version(db: None) -> WorkflowVersion:
    workflow = Workflow.objects.create(id="demo", name="Demo")
    stored = workflow.versions.create(
        definition_id="demo", number=3, label="1.0.0", content_hash="a" * 64, definition=DEFINITION
    )
    workflow.current = stored
    workflow.save()
    return stored


@pytest.fixture
def admin(admin_client: Client) -> Client:
    """Somebody who may do everything."""
    return admin_client


def an_execution(version: WorkflowVersion, id: str, **fields: Any) -> Execution:
    """Not saved yet."""
    values: dict[str, Any] = {
        "workflow_id": version.definition_id,
        "workflow_name": "Demo",
        "status": "completed",
        "queued_at": NOW,
        "started_at": NOW,
        "ended_at": NOW + timedelta(milliseconds=1204),
        "available_at": None,
        "input": {"secret_of_the_input": "x" * 100},
        "trace_id": "ab" * 16,
        "span_id": "cd" * 8,
    }
    return Execution(id=id, version=version, **values | fields)


def many_executions(version: WorkflowVersion, count: int) -> None:
    statuses = ["completed", "failed", "cancelled", "completed"]
    Execution.objects.bulk_create(
        an_execution(
            version,
            f"wf_exec_{number:06d}",
            status=statuses[number % 4],
            key=f"order-{number}",
            queued_at=NOW + timedelta(seconds=number // 10),
        )
        for number in range(count)
    )


def a_node_run(execution: Execution, index: int = 0, **fields: Any) -> NodeRun:
    values: dict[str, Any] = {
        "node_id": "add",
        "kind": "procedure",
        "procedure": "math.add",
        "status": "completed",
        "input": {"a": 1},
        "output": {"result": 3},
        "started_at": NOW,
        "ended_at": NOW + timedelta(milliseconds=7),
    }
    return NodeRun.objects.create(execution=execution, index=index, **values | fields)


def an_event(execution: Execution, seq: int = 1) -> Event:
    return Event.objects.create(
        execution=execution, seq=seq, type="workflow.queued", data={"trigger": "manual"}
    )
