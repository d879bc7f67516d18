"""Executions as the engine would have left them, for tests of what is told of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from django.contrib.auth.models import Permission

from executions.models import Event, Execution, NodeRun, StatusCount
from workflows.models import Workflow, WorkflowVersion

START = datetime(2026, 11, 21, 9, 0, 0, 123456, tzinfo=UTC)
MATH = {
    "id": "simple-math-workflow",
    "name": "Simple Math Workflow",
    "version": "1.0.0",
    "startNode": "add",
    "nodes": [
        {
            "id": "add",
            "type": "procedure",
            "procedureName": "math.add",
            "config": {"a": 10, "b": 5},
            "next": "multiply",
        },
        {
            "id": "multiply",
            "type": "procedure",
            "procedureName": "math.multiply",
            "config": {"a": 3, "b": 2},
            "next": "subtract",
        },
        {
            "id": "subtract",
            "type": "procedure",
            "procedureName": "math.subtract",
            "config": {"a": 20, "b": 8},
        },
    ],
}
_numbers = count(1)


def version_of(document: dict[str, Any] = MATH) -> WorkflowVersion:
    found = WorkflowVersion.objects.filter(definition_id=document["id"]).first()
    if found is not None:
        return found
    workflow = Workflow.objects.create(id=document["id"], name=document["name"])
    version = WorkflowVersion.objects.create(
        workflow=workflow,
        definition_id=workflow.id,
        number=1,
        label="1.0.0",
        content_hash=f"{workflow.id:0>64}"[:64],
        definition=document,
    )
    workflow.current = version
    workflow.save()
    return version


def execution(status: str = "completed", **fields: Any) -> Execution:
    """An execution in ``status``, a second younger than the one made before."""
    number = next(_numbers)
    version = fields.pop("version", None) or version_of()
    queued = START + timedelta(seconds=number)
    ended = status in ("completed", "failed", "cancelled", "timed_out")
    made = Execution.objects.create(
        **{
            "id": f"wf_exec_{number}",
            "version": version,
            "workflow_id": version.definition_id,
            "workflow_name": version.definition["name"],
            "status": status,
            "queued_at": queued,
            "started_at": None if status == "queued" else queued + timedelta(milliseconds=5),
            "ended_at": queued + timedelta(milliseconds=77) if ended else None,
            "available_at": None if ended else queued,
            "trace_id": "a" * 32,
            "span_id": "b" * 16,
            **fields,
        }
    )
    StatusCount.objects.create(status=status, delta=1)
    return made


def node_run(of: Execution, node_id: str, status: str = "completed", **fields: Any) -> NodeRun:
    index = NodeRun.objects.filter(execution=of).count()
    began = of.queued_at + timedelta(milliseconds=10 * (index + 1))
    ended = status in ("completed", "failed", "cancelled", "skipped")
    return NodeRun.objects.create(
        **{
            "execution": of,
            "index": index,
            "node_id": node_id,
            "kind": "procedure",
            "procedure": "math.add",
            "status": status,
            "started_at": None if status == "pending" else began,
            "ended_at": began + timedelta(milliseconds=7) if ended else None,
            **fields,
        }
    )


def log(of: Execution, *types: str) -> None:
    """Events of the ``types``, from seq 1 on."""
    for seq, kind in enumerate(types, start=1):
        Event.objects.create(execution=of, seq=seq, type=kind, data={"timestamp": 1795232935197 + seq})
    Execution.objects.filter(pk=of.pk).update(last_seq=len(types))


def permissions(*codenames: str) -> list[Permission]:
    return list(Permission.objects.filter(codename__in=codenames))
