"""Moving executions that rest to another version of their workflow.

Each is one guarded update of its own: whoever has a lease on an execution keeps it, and what is moved is
claimed with the new version, or was never moved.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import F

from executions import notifications
from executions.errors import InvalidInput
from executions.models import Execution, ExecutionQuerySet, NodeRun
from executions.operations.rows import plain_input
from executions.operations.transactions import USING, refuse_foreign
from executions.queries import cursors
from executions.queries.filters import Filters
from executions.states import ExecutionStatus
from workflows import library
from workflows.compatibility import compatibility
from workflows.definition import Definition
from workflows.models import WorkflowVersion

MOST = 1000
"""Executions that one call looks at; the report's cursor leads to the others."""
RESTING = (ExecutionStatus.QUEUED, ExecutionStatus.WAITING, ExecutionStatus.PAUSED)
UNDER_WAY = "it is running: try again"
TOLD = 100
"""Blocked executions that a report names."""


@dataclass(slots=True)
class Report:
    """``blocked`` has ``{executionId, reasons}`` of the first of those that do not fit."""

    compatible: int = 0
    migrated: int = 0
    blocked_count: int = 0
    blocked: list[dict[str, Any]] = field(default_factory=list)
    cursor: str | None = None

    def block(self, execution_id: str, reasons: list[str]) -> None:
        self.blocked_count += 1
        if len(self.blocked) < TOLD:
            self.blocked.append({"executionId": execution_id, "reasons": reasons})

    def add(self, later: Report) -> None:
        """What another call came to, which went on where this one ended."""
        self.compatible += later.compatible
        self.migrated += later.migrated
        self.blocked_count += later.blocked_count
        self.blocked = [*self.blocked, *later.blocked][:TOLD]
        self.cursor = later.cursor

    def document(self) -> dict[str, Any]:
        return {
            "compatible": self.compatible,
            "migrated": self.migrated,
            "blocked": self.blocked,
            "blockedCount": self.blocked_count,
            "nextCursor": self.cursor,
        }


def migrate(
    workflow: str,
    to: int,
    *,
    source: int | None = None,
    filter: dict[str, Any] | None = None,
    ids: Iterable[str] | None = None,
    dry_run: bool = False,
    cursor: str | None = None,
    limit: int = MOST,
) -> Report:
    """Move the workflow's executions that rest (queued, waiting, paused), from any version or ``source``.

    One whose nodes that have run are not in the new version, as they were, stays as it is and is reported; so
    is one that somebody drives just now. Raises ``WorkflowNotFound``, ``InvalidFilter``, ``InvalidInput``.
    """
    refuse_foreign("migrate")
    target = library.version(workflow, to)
    found = _asked(workflow, target, source, filter, None if ids is None else list(ids))
    scope = f"migrate.{workflow}.{to}"
    if cursor:
        found = found.filter(pk__gt=cursors.decode(scope, cursor)[0])
    page = list(found.order_by("pk").values_list("pk", flat=True)[: limit + 1])
    report = Report(cursor=cursors.encode(scope, [page[limit - 1]]) if len(page) > limit else None)
    for execution_id in page[:limit]:
        _consider(report, execution_id, target, dry_run=dry_run)
    if report.migrated:
        notifications.wake(None)
    return report


def _asked(
    workflow: str,
    target: WorkflowVersion,
    source: int | None,
    filter: dict[str, Any] | None,
    ids: Sequence[str] | None,
) -> ExecutionQuerySet:
    if filter is not None and ids is not None:
        raise InvalidInput([{"detail": "give filter or ids, not both", "pointer": "/filter"}])
    found = Execution.objects.using(USING).active().filter(workflow_id=workflow, version__workflow=workflow)
    found = found.exclude(version=target)
    if source is not None:
        found = found.filter(version=library.version(workflow, source))
    if ids is not None:
        found = found.filter(pk__in=ids)
    return Filters.read(filter).apply(found) if filter else found


def _consider(report: Report, execution_id: str, target: WorkflowVersion, *, dry_run: bool) -> None:
    with transaction.atomic(using=USING):
        execution = _held(execution_id)
        if execution is None:
            report.block(execution_id, [UNDER_WAY])
            return
        reasons = _reasons(execution, target)
        if reasons:
            report.block(execution_id, reasons)
            return
        report.compatible += 1
        if not dry_run:
            report.migrated += _move(execution, target)


def _held(execution_id: str) -> Execution | None:
    """The row under a lock, if nobody drives the execution nor is about to."""
    free = Execution.objects.using(USING).filter(pk=execution_id, leased_by=None)
    return free.select_related("version").select_for_update(of=("self",), skip_locked=True).first()


def _reasons(execution: Execution, target: WorkflowVersion) -> list[str]:
    if execution.status not in RESTING:
        why = UNDER_WAY if execution.status == ExecutionStatus.RUNNING else f"it is {execution.status}"
        return [why]
    old, new = library.definition(execution.version), library.definition(target)
    runs = NodeRun.objects.using(USING).filter(execution=execution).order_by("index")
    light = runs.defer("input", "output", "error", "attempts", "spans", "details")
    return [*map(str, compatibility(old, new, light)), *_of_input(execution, new)]


def _of_input(execution: Execution, new: Definition) -> list[str]:
    if new.schema is None:
        return []
    return [f"input{one.pointer}: {one.detail}" for one in new.input_problems(plain_input(execution))]


def _move(execution: Execution, target: WorkflowVersion) -> int:
    """With a new token, so that whoever once drove it on the old version writes no more."""
    row = Execution.objects.using(USING).filter(
        pk=execution.pk, leased_by=None, version=execution.version_id, lease_token=execution.lease_token
    )
    name = target.definition["name"]
    return row.update(version=target, workflow_name=name, lease_token=F("lease_token") + 1)
