"""Queues: what waits in each, and holding one back."""

from __future__ import annotations

import re
from typing import Any

from django.db import connections, transaction
from django.db.models.functions import Now

from executions import notifications
from executions.errors import InvalidInput, QueueNotFound
from executions.executor.claiming.claims import DUE, open_queues
from executions.models import Execution, Executor, Lane, Queue

USING = "default"
NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
MOST_COUNTED = 10_000

_EXECUTION, _LANE, _QUEUE, _EXECUTOR = (m._meta.db_table for m in (Execution, Lane, Queue, Executor))


def _counted(rows: str) -> str:
    return f"(SELECT count(*) FROM ({rows} LIMIT {MOST_COUNTED}) AS counted)"


def _parked(condition: str) -> str:
    """Level by level, so that as many index entries are read as are counted."""
    return f"""SELECT FROM generate_series(0, 9) AS level(priority) CROSS JOIN LATERAL (
      SELECT FROM {_EXECUTION} e WHERE e.leased_by IS NULL AND e.queue = names.name
        AND e.priority = level.priority AND e.available_at {condition} LIMIT {MOST_COUNTED}) AS parked"""


_LISTED = f"""
WITH running AS MATERIALIZED (
  SELECT queue, count(*) AS number FROM {_EXECUTION} WHERE leased_by IS NOT NULL GROUP BY queue
), names AS (
  SELECT name FROM {_QUEUE} UNION SELECT 'default' UNION SELECT queue FROM running
  UNION SELECT queue FROM {_LANE} UNION ({open_queues(_EXECUTION, DUE)})
)
SELECT names.name, q.paused_at, q.paused_by,
  {_counted(_parked("<= now()"))} AS due, {_counted(_parked("> now()"))} AS waiting,
  {
    _counted(f'''SELECT FROM {_LANE} l JOIN {_EXECUTION} e ON e.lane = l.name AND e.admitted_at IS NULL
    AND e.status = 'queued' WHERE l.queue = names.name''')
} AS gated,
  coalesce((SELECT number FROM running WHERE queue = names.name), 0) AS running,
  (SELECT count(*) FROM {_EXECUTOR} x WHERE x.expires_at >= now()
    AND (x.queues IS NULL OR names.name = ANY(x.queues))) AS executors
FROM names LEFT JOIN {_QUEUE} q ON q.name = names.name ORDER BY names.name
"""


def listed() -> list[dict[str, Any]]:
    """Every queue that is used or paused: ``{name, paused_at, paused_by, due, waiting, gated, running,
    executors}``.

    ``due`` could go on now, ``waiting`` sleeps until a moment, ``gated`` waits for its turn under a limit,
    ``executors`` are those that live and serve it. Counts of what waits end at ``MOST_COUNTED``.
    """
    with connections[USING].cursor() as cursor:
        cursor.execute(_LISTED, {"queues": None})
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def pause(name: str, *, actor: str = "") -> Queue:
    """Nothing of it starts or wakes any more; what runs goes on. Raises ``InvalidInput``."""
    if not NAME.fullmatch(name):
        raise InvalidInput([{"detail": "queue must be 1 to 64 of [A-Za-z0-9_.-]", "pointer": "/queue"}])
    Queue.objects.using(USING).get_or_create(name=name)
    found = Queue.objects.using(USING).filter(name=name)
    found.filter(paused_at=None).update(paused_at=Now(), paused_by=actor)
    return found.get()


def resume(name: str) -> Queue:
    """Go on with it. Raises ``QueueNotFound`` where it was never paused."""
    found = Queue.objects.using(USING).filter(name=name)
    if not found.update(paused_at=None, paused_by=""):
        raise QueueNotFound(name)
    transaction.on_commit(lambda: notifications.wake(None), using=USING)
    return found.get()
