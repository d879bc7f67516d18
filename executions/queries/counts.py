"""How many executions stand where."""

from __future__ import annotations

from django.db.models import Sum

from executions.models import StatusCount
from executions.states import ExecutionStatus

CARDS = {
    ExecutionStatus.COMPLETED: "completed",
    ExecutionStatus.FAILED: "failed",
    ExecutionStatus.RUNNING: "running",
    ExecutionStatus.CANCELLING: "running",
    ExecutionStatus.QUEUED: "queued",
    ExecutionStatus.WAITING: "waiting",
    ExecutionStatus.PAUSED: "paused",
    ExecutionStatus.CANCELLED: "cancelled",
    ExecutionStatus.TIMED_OUT: "timedOut",
}


def stats() -> dict[str, int]:
    """Each execution in exactly one count, and all in ``total``. One query over a few folded rows."""
    told = {"total": 0, **dict.fromkeys(CARDS.values(), 0)}
    for status, count in by_status().items():
        told[CARDS[status]] += count
        told["total"] += count
    return told


def by_status() -> dict[ExecutionStatus, int]:
    counted = StatusCount.objects.values_list("status").annotate(count=Sum("delta")).order_by()
    return {ExecutionStatus(status): count for status, count in counted}
