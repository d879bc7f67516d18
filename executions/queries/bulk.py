"""How far bulk operations are."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Q

from executions.conf import conf
from executions.errors import BulkNotFound
from executions.models import BulkOperation
from executions.moments import iso
from executions.queries import cursors

SCOPE = "bulk"


def bulk_document(operation: BulkOperation | str) -> dict[str, Any]:
    """Raises BulkNotFound."""
    found = operation if isinstance(operation, BulkOperation) else _get(operation)
    chosen: dict[str, Any] = {"filter": found.filter} if found.ids is None else {"ids": len(found.ids)}
    return {
        "bulkId": found.pk,
        "action": found.action,
        "status": found.status,
        **chosen,
        "options": found.options,
        "by": found.actor,
        "total": found.total,
        "applied": found.applied,
        "refused": found.refused,
        "problems": found.problems,
        "createdAt": iso(found.created_at),
        "updatedAt": iso(found.updated_at),
        **({"endedAt": iso(found.ended_at)} if found.ended_at else {}),
    }


def bulk_page(cursor: str | None = None, limit: int | None = None) -> tuple[list[dict[str, Any]], str | None]:
    """The newest first, and the cursor of the next page."""
    size = limit or conf.PAGE_SIZE
    operations = BulkOperation.objects.order_by("-created_at", "-pk")
    if cursor:
        moment, pk = cursors.decode(SCOPE, cursor)
        at = datetime.fromisoformat(moment)
        operations = operations.filter(Q(created_at__lt=at) | Q(created_at=at, pk__lt=pk))
    found = list(operations[: size + 1])
    last = found[size - 1] if len(found) > size else None
    following = cursors.encode(SCOPE, [last.created_at.isoformat(), last.pk]) if last else None
    return [bulk_document(one) for one in found[:size]], following


def _get(bulk_id: str) -> BulkOperation:
    found = BulkOperation.objects.filter(pk=bulk_id).first()
    if found is None:
        raise BulkNotFound(bulk_id)
    return found
