"""Writes executions' logs as the engine does: the row's ``last_seq`` and the event in one transaction."""

from __future__ import annotations

import itertools
import os
from typing import Any

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from executions import notifications
from executions.models import Event, Execution, StatusCount
from executions.states import ExecutionStatus
from workflows.models import WorkflowVersion

_numbers = itertools.count()


def new_id() -> str:
    return f"wf_exec_{os.getpid()}_{next(_numbers)}"


class Story:
    """One execution, told by hand."""

    def __init__(
        self, execution_id: str | None = None, *, workflow: str = "story", tags: tuple[str, ...] = ()
    ) -> None:
        self.id, self.workflow = execution_id or new_id(), workflow
        self.loud = True
        """Whether others are notified of what is written."""
        with transaction.atomic():
            self._create(list(tags))
        self.tell()

    def say(self, type_: str, count: int = 1, **data: Any) -> int:
        """Append ``count`` events; the last one's seq."""
        for _ in range(count):
            with transaction.atomic():
                seq = self._append(type_, data)
            self.tell()
        return seq

    def start(self) -> int:
        return self.move(ExecutionStatus.RUNNING, "workflow.started", startTime=1, totalNodes=1)

    def finish(self, status: ExecutionStatus = ExecutionStatus.COMPLETED) -> int:
        return self.move(status, f"workflow.{status}", executionTime=5, nodesExecuted=[])

    def move(self, status: ExecutionStatus, type_: str, **data: Any) -> int:
        with transaction.atomic():
            seq = self._append(type_, data)
            row = Execution.objects.filter(pk=self.id)
            row.update(status=status, ended_at=Now() if status.is_terminal else None)
            StatusCount.objects.create(status=status, delta=1)
        self.tell()
        return seq

    def tell(self) -> None:
        if self.loud:
            notifications.changed([self.id])

    @property
    def log(self) -> list[tuple[int, str]]:
        return list(Event.objects.filter(execution_id=self.id).order_by("seq").values_list("seq", "type"))

    def _append(self, type_: str, data: dict[str, Any]) -> int:
        row = Execution.objects.filter(pk=self.id)
        row.update(last_seq=F("last_seq") + 1)
        seq = row.values_list("last_seq", flat=True).get()
        Event.objects.create(execution_id=self.id, seq=seq, type=type_, data=data)
        return seq

    def _create(self, tags: list[str]) -> None:
        definition = {
            "id": self.workflow,
            "name": "Story",
            "startNode": "a",
            "nodes": [{"id": "a", "type": "sequential"}],
        }
        version, _ = WorkflowVersion.objects.get_or_create(
            workflow=None, content_hash=f"story-{self.workflow}"[:64],
            defaults={"definition_id": self.workflow, "number": 0, "label": "1", "definition": definition},
        )  # fmt: skip
        Execution.objects.create(
            id=self.id, version=version, workflow_id=self.workflow, workflow_name="Story", tags=tags,
            last_seq=1, trace_id="0" * 32, span_id="0" * 16,
        )  # fmt: skip
        Event.objects.create(execution_id=self.id, seq=1, type="workflow.queued", data={"timestamp": 1})
        StatusCount.objects.create(status=ExecutionStatus.QUEUED, delta=1)
