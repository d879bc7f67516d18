"""What waits for a person's decision."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet

from executions.conf import conf
from executions.events import run_id
from executions.models import NodeRun
from executions.moments import iso
from executions.permissions import may
from executions.queries import cursors
from executions.states import ACTIVE, ExecutionStatus, NodeStatus

SCOPE = "approvals"


def awaiting() -> QuerySet[NodeRun]:
    """The node runs that wait for an approval, of all executions."""
    active = [status for status in ACTIVE if status is not ExecutionStatus.CANCELLING]
    waiting = NodeRun.objects.filter(awaits="approval", status=NodeStatus.WAITING)
    return waiting.filter(execution__status__in=active)


def approvals(
    user: Any, cursor: str | None = None, limit: int | None = None
) -> tuple[list[dict[str, Any]], str | None]:
    """Those that are the user's to give, the oldest first, and the cursor of the next page."""
    size = limit or conf.PAGE_SIZE
    found = _of(user).select_related("execution").order_by("pk")
    if cursor:
        found = found.filter(pk__gt=cursors.decode(SCOPE, cursor)[0])
    runs = list(found[: size + 1])
    following = cursors.encode(SCOPE, [runs[size - 1].pk]) if len(runs) > size else None
    return [_told(run) for run in runs[:size]], following


def _of(user: Any) -> QuerySet[NodeRun]:
    """As ``may(user, "decide", run)`` says of each."""
    if user.is_superuser:
        return awaiting()
    named = Q(input__users__contains=[user.get_username()])
    for group in user.groups.values_list("name", flat=True):
        named |= Q(input__groups__contains=[group])
    if may(user, "signal"):
        named |= Q(input__users=[], input__groups=[])
    return awaiting().filter(named)


def _told(run: NodeRun) -> dict[str, Any]:
    asked = run.input or {}
    return {
        "executionId": run.execution_id,
        "workflowId": run.execution.workflow_id,
        "workflowName": run.execution.workflow_name,
        "nodeId": run.node_id,
        "runId": run_id(run.execution_id, run.index),
        "message": asked.get("message") or "",
        "users": asked.get("users") or [],
        "groups": asked.get("groups") or [],
        **({"form": asked["form"]} if asked.get("form") else {}),
        **({"since": iso(run.attempt_at)} if run.attempt_at else {}),
        **({"until": iso(run.available_at)} if run.available_at else {}),
    }
