"""Reading the event log: where executions stand, and what came after a cursor. For threads, not the loop."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Min
from django.db.models.functions import Now

from executions import events
from executions.models import Event, Execution, ExecutionQuerySet
from executions.states import TERMINAL_EVENTS, ExecutionStatus

PAGE = 200
"""Events of one execution that are read at once."""
FRESH = timedelta(seconds=10)
MOST_FRESH = 500


@dataclass(frozen=True, slots=True)
class Head:
    """Where one execution stands; ``last_seq`` is its newest event's."""

    execution_id: str
    workflow_id: str
    status: ExecutionStatus
    last_seq: int
    tags: tuple[str, ...]
    queued_at: datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """One event of the log with its payload as the wire tells it."""

    execution_id: str
    seq: int
    type: str
    payload: dict[str, Any]

    @property
    def is_terminal(self) -> bool:
        return self.type in TERMINAL_EVENTS


def heads(ids: Iterable[str]) -> dict[str, Head]:
    """By id; what does not exist is left out."""
    return _heads(Execution.objects.filter(pk__in=list(ids)))


def moving() -> dict[str, Head]:
    """Those that some executor holds, and those that are new: what may have moved unheard."""
    held = _heads(Execution.objects.filter(leased_by__isnull=False))
    fresh = Execution.objects.filter(queued_at__gt=Now() - FRESH).newest_first()
    return _heads(fresh[:MOST_FRESH]) | held


def database_time() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        row = cursor.fetchone()
    now: datetime = row[0]
    return now


def entries(
    cursors: Mapping[str, int], *, limit: int = PAGE, types: Iterable[str] | None = None
) -> dict[str, list[Entry]]:
    """Per execution the next ``limit`` events above its cursor, in order; of the ``types`` only, if given."""
    found: dict[str, list[Entry]] = {}
    only = None if types is None else list(types)
    with connection.cursor() as cursor:
        cursor.execute(_ENTRIES, [list(cursors), list(cursors.values()), only, only, limit])
        for execution_id, workflow_id, seq, type_, data in cursor.fetchall():
            payload = events.payload(execution_id, workflow_id, seq, type_, json.loads(data))
            found.setdefault(execution_id, []).append(Entry(execution_id, seq, type_, payload))
    return found


def page(execution_id: str, after: int) -> list[Entry]:
    """The next events of one execution."""
    return entries({execution_id: after}).get(execution_id, [])


def before(ids: Iterable[str], moment: datetime) -> dict[str, int]:
    """The seq after which each spoke since ``moment``, by id of those that did."""
    spoken = Event.objects.filter(execution_id__in=list(ids), at__gte=moment).order_by()
    return {id_: seq - 1 for id_, seq in spoken.values_list("execution_id").annotate(first=Min("seq"))}


def _heads(executions: ExecutionQuerySet) -> dict[str, Head]:
    rows = executions.values_list("id", "workflow_id", "status", "last_seq", "tags", "queued_at")
    return {
        id_: Head(id_, workflow_id, ExecutionStatus(status), last_seq, tuple(tags), queued_at)
        for id_, workflow_id, status, last_seq, tags, queued_at in rows
    }


_ENTRIES = f"""
SELECT x.id, x.workflow_id, e.seq, e.type, e.data::text
FROM unnest(%s::text[], %s::int[]) WITH ORDINALITY AS c(id, after, place)
JOIN {Execution._meta.db_table} x ON x.id = c.id
CROSS JOIN LATERAL (
    SELECT seq, type, data FROM {Event._meta.db_table}
    WHERE execution_id = x.id AND seq > c.after AND (%s::text[] IS NULL OR type = ANY(%s))
    ORDER BY seq LIMIT %s
) e
ORDER BY c.place, e.seq
"""
