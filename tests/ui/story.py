"""Executions told step by step, as the engine would write them: rows, log and counts in one transaction."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256
from itertools import count
from json import dumps
from typing import Any

from django.db import transaction
from django.utils import timezone

from executions import notifications
from executions.models import Event, Execution, NodeRun, StatusCount
from executions.states import EXECUTION_MOVES, NODE_MOVES, ExecutionStatus, NodeStatus
from workflows.models import Workflow, WorkflowVersion

_numbers = count(1)

_A, _N = EXECUTION_MOVES, NODE_MOVES


def procedure(node_id: str, then: str | None = None, name: str = "math.add", **config: Any) -> dict[str, Any]:
    node = {"id": node_id, "type": "procedure", "procedureName": name, "config": config or {"a": 1, "b": 2}}
    return node | {"next": then} if then else node


def condition(node_id: str, yes: str, no: str, expression: str = "isPremium === true") -> dict[str, Any]:
    config = {"expression": expression, "trueBranch": yes, "falseBranch": no}
    return {"id": node_id, "type": "condition", "config": config}


def parallel(node_id: str, branches: list[str], then: str) -> dict[str, Any]:
    config = {"branches": branches, "waitForAll": True}
    return {"id": node_id, "type": "parallel", "config": config, "next": then}


def document(workflow_id: str, name: str, *nodes: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "id": workflow_id,
        "name": name,
        "version": "1.0.0",
        "startNode": nodes[0]["id"],
        "nodes": list(nodes),
        **more,
    }


MATH = document(
    "three-sums",
    "Three Sums",
    procedure("add", "multiply", a=10, b=5),
    procedure("multiply", "subtract", "math.multiply", a=3, b=2),
    procedure("subtract", None, "math.subtract", a=20, b=8),
    description="Basic math operations workflow for testing",
    inputSchema={
        "type": "object",
        "properties": {
            "a": {"type": "number", "default": 10, "description": "The first number"},
            "b": {"type": "integer", "default": 5},
            "mode": {"enum": ["fast", "exact"]},
            "options": {"type": "object"},
        },
    },
)
ORDER = document(
    "order-fulfilment",
    "Order Fulfilment",
    procedure("fetch-order", "check-premium", "data.fetch", userId="user123"),
    condition("check-premium", "express", "standard"),
    procedure("express", "charge", "data.process", mode="premium"),
    procedure("standard", "charge", "data.process", mode="basic"),
    procedure("charge", "fan-out", "payments.charge", amount=12) | {"onError": "refund"},
    parallel("fan-out", ["pack", "invoice", "notify"], "archive"),
    procedure("pack", None, "warehouse.pack", boxes=1),
    procedure("invoice", None, "billing.invoice", n=1),
    procedure("notify", None, "custom.sendNotification", message="on its way"),
    procedure("archive", None, "data.save", payload={}),
    procedure("refund", None, "payments.refund", n=1),
)


def version_of(definition: dict[str, Any]) -> WorkflowVersion:
    """The definition in the library."""
    made, _ = Workflow.objects.get_or_create(id=definition["id"], defaults={"name": definition["name"]})
    content = sha256(dumps(definition, sort_keys=True).encode()).hexdigest()
    version, created = WorkflowVersion.objects.get_or_create(
        workflow=made,
        content_hash=content,
        defaults={
            "definition_id": made.id,
            "number": made.versions.count() + 1,
            "label": "1.0.0",
            "definition": definition,
        },
    )
    if created:
        made.current, made.description = version, definition.get("description", "")
        made.save()
    return version


class Story:
    """One execution. Each verb is a transition: its rows, its event, and the word to who watches."""

    def __init__(
        self, definition: dict[str, Any] = MATH, *, began: datetime | None = None, **fields: Any
    ) -> None:
        number = next(_numbers)
        self.nodes = {node["id"]: node for node in definition["nodes"]}
        self.at = began or timezone.now()
        self.reached = 0
        with self._transition():
            self.execution = Execution.objects.create(
                **{
                    "id": f"wf_exec_{int(self.at.timestamp() * 1000)}_{number:09d}",
                    "version": version_of(definition),
                    "workflow_id": definition["id"],
                    "workflow_name": definition["name"],
                    "queued_at": self.at,
                    "last_seq": 0,
                    "trace_id": f"{number:032x}",
                    "span_id": f"{number:016x}",
                    "available_at": None,
                    **fields,
                }
            )
            StatusCount.objects.create(status=ExecutionStatus.QUEUED, delta=1)
            self._tell("workflow.queued", workflowVersion=1, trigger="manual")

    @property
    def id(self) -> str:
        return self.execution.id

    def start(self, **fields: Any) -> Story:
        return self._move("start", started_at=self.at, **fields)

    def begin(self, node_id: str, **fields: Any) -> Story:
        node = self.nodes[node_id]
        with self._transition():
            NodeRun.objects.create(
                execution=self.execution,
                index=self.reached,
                node_id=node_id,
                kind=node["type"],
                procedure=node.get("procedureName", ""),
                status=NodeStatus.RUNNING,
                started_at=self.at,
                attempt_at=self.at,
                **{"input": node["config"], **fields},
            )
            self.reached += 1
            self._tell("node.started", nodeId=node_id, attempt=1)
        return self

    def end(self, node_id: str, output: Any = None) -> Story:
        return self._node("complete", node_id, output=output or {"result": 15}, ended_at=self.at)

    def fail(self, node_id: str, message: str = "division by zero", name: str = "ZeroDivisionError") -> Story:
        error = {"name": name, "message": message, "stack": 'File "math.py", line 12\n  return a / b'}
        return self._node("fail", node_id, told={"error": error}, error=error, ended_at=self.at)

    def wait(self, node_id: str, reason: str, until: datetime, move: str = "park") -> Story:
        self._node(move, node_id, told={"reason": reason}, wait_reason=reason, available_at=until)
        return self._move("park", wait_reason=f"{node_id}: {reason}")

    def run(self, *node_ids: str, step: float = 0.4) -> Story:
        for node_id in node_ids:
            self.later(0.05).begin(node_id).later(step).end(node_id)
        return self

    def complete(self) -> Story:
        return self._move("complete", ended_at=self.at)

    def collapse(self, node_id: str, message: str = "division by zero") -> Story:
        error = {"name": "ZeroDivisionError", "message": message, "nodeId": node_id}
        return self._move("fail", ended_at=self.at, error=error)

    def pause(self) -> Story:
        return self._move("pause")

    def later(self, seconds: float) -> Story:
        self.at += timedelta(seconds=seconds)
        return self

    def _move(self, name: str, **changes: Any) -> Story:
        move, was = _A[name], self.execution.status
        with self._transition():
            self._change(self.execution, status=move.target, **changes)
            StatusCount.objects.create(status=was, delta=-1)
            StatusCount.objects.create(status=move.target, delta=1)
            error = changes.get("error")
            self._tell(move.event, **({"error": error["message"]} if error else {}))
        return self

    def _node(self, name: str, node_id: str, told: dict[str, Any] | None = None, **changes: Any) -> Story:
        move = _N[name]
        run = NodeRun.objects.filter(execution=self.execution, node_id=node_id).latest("index")
        with self._transition():
            self._change(run, status=move.target, **changes)
            self._tell(move.event, nodeId=node_id, attempt=run.attempt, **(told or {}))
        return self

    def _transition(self) -> Any:
        return transaction.atomic()

    def _tell(self, type: str, **data: Any) -> None:
        self.execution.last_seq += 1
        self.execution.save(update_fields=["last_seq"])
        Event.objects.create(
            execution=self.execution, seq=self.execution.last_seq, type=type, data=data, at=self.at
        )
        transaction.on_commit(lambda: notifications.changed([self.execution.id]))

    def _change(self, row: Execution | NodeRun, **changes: Any) -> None:
        for name, value in changes.items():
            setattr(row, name, value)
        row.save()


def failed(**fields: Any) -> Story:
    story = Story(ORDER, **fields).start().run("fetch-order", "check-premium", "standard")
    return (
        story.begin("charge")
        .later(0.7)
        .fail("charge", "The card was declined")
        .collapse("charge", "The card was declined")
    )


def waits(**fields: Any) -> Story:
    story = Story(ORDER, **fields).start().run("fetch-order", "check-premium", "express").begin("charge")
    return story.later(1).wait("charge", "attempt 2 after back-off", story.at + timedelta(hours=1), "retry")


def in_flight(**fields: Any) -> Story:
    story = Story(ORDER, **fields).start().run("fetch-order", "check-premium", "express", "charge")
    story.begin("fan-out").begin("pack", scope=4, branch=0).begin("invoice", scope=4, branch=1)
    return story.later(0.3).end("pack")


def done(**fields: Any) -> Story:
    return Story(MATH, **fields).start().run("add", "multiply", "subtract").complete()


def done_order(**fields: Any) -> Story:
    story = Story(ORDER, **fields).start().run("fetch-order", "check-premium", "express", "charge")
    story.begin("fan-out")
    for branch, node_id in enumerate(("pack", "invoice", "notify")):
        story.begin(node_id, scope=4, branch=branch)
    for node_id in ("invoice", "pack", "notify"):
        story.later(0.35).end(node_id)
    return story.end("fan-out").run("archive").complete()


def long(runs: int, nodes: int = 5) -> Story:
    """An execution of very many steps; a small definition goes round and round."""
    ids = [f"step-{number:04d}" for number in range(nodes)]
    following = [*ids[1:], ids[0] if nodes < runs else None]
    definition = document(
        f"long-{runs}-{nodes}",
        "Long",
        *(procedure(one, then) for one, then in zip(ids, following, strict=True)),
    )
    story = Story(definition).start()
    made = [
        NodeRun(
            execution=story.execution,
            index=index,
            node_id=ids[index % nodes],
            kind="procedure",
            procedure="math.add",
            status=NodeStatus.COMPLETED if index < runs - 1 else NodeStatus.RUNNING,
            input={"a": index},
            output={"result": index},
            started_at=story.at + timedelta(milliseconds=10 * index),
            ended_at=story.at + timedelta(milliseconds=10 * index + 8) if index < runs - 1 else None,
        )
        for index in range(runs)
    ]
    NodeRun.objects.bulk_create(made, batch_size=1000)
    return story
