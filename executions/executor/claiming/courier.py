"""Bringing words to inboxes: letters from one execution to another, and events to whoever waits for them.

Each delivery is a statement of its own and locks one execution's row, so that it can wait for nobody who
waits for it. What a crash leaves undelivered stays where it is, for whoever looks next.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
from psycopg import AsyncConnection

from executions.flow.plan import Word
from executions.models import Command, Emission, Execution, Letter, NodeRun
from executions.moments import iso

BATCH = 200
"""Deliveries in one go, so that claims need not wait for long."""
LOCK = 0x633463
"""The advisory lock of whoever brings events."""

_COMMAND, _EMISSION, _EXECUTION, _LETTER, _RUN = (
    model._meta.db_table for model in (Command, Emission, Execution, Letter, NodeRun)
)

_PUT = f"""
put AS (
  INSERT INTO {_COMMAND} (execution_id, kind, payload, actor, outcome)
  SELECT recipient_id, kind, payload, '', '' FROM taken
  JOIN {_EXECUTION} e ON e.id = recipient_id WHERE e.ended_at IS NULL
), counted AS (
  UPDATE {_EXECUTION} e SET inbox = e.inbox + 1,
    available_at = CASE WHEN e.leased_by IS NULL THEN now() ELSE e.available_at END
  FROM taken WHERE e.id = taken.recipient_id AND e.ended_at IS NULL
)
SELECT recipient_id FROM taken
"""
DELIVER = f"""
WITH taken AS (
  DELETE FROM {_LETTER} WHERE id = (SELECT id FROM {_LETTER} ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
  RETURNING recipient_id, kind, payload
), {_PUT}
"""
TELL = f"""
WITH taken AS (
  SELECT %s::text AS recipient_id, 'event' AS kind, %s::jsonb AS payload
), {_PUT}
"""
NEW = f"SELECT id, name, key, payload, at FROM {_EMISSION} WHERE delivered_at IS NULL ORDER BY id LIMIT 1"
WAITING = f"""
SELECT r.execution_id, r.index FROM {_RUN} r
WHERE r.awaits = %(awaits)s AND r.awaits <> '' AND r.status = 'waiting' AND NOT EXISTS (
  SELECT FROM {_COMMAND} c WHERE c.execution_id = r.execution_id AND c.kind = 'event'
    AND (c.payload->>'eventId')::bigint = %(id)s AND (c.payload->>'run')::int = r.index)
LIMIT %(limit)s
"""
DELIVERED = f"UPDATE {_EMISSION} SET delivered_at = now() WHERE id = %s"
EARLIER = f"""
SELECT w.run, m.id, m.name, m.key, m.payload, m.at
FROM json_to_recordset(%s::json) AS w(run int, name text, key text, after bigint, since float8)
CROSS JOIN LATERAL (
  SELECT * FROM {_EMISSION} m
  WHERE m.name = w.name AND m.key = w.key AND m.id > w.after AND m.at >= to_timestamp(w.since)
  ORDER BY m.id LIMIT 1
) AS m
"""


async def letters(connection: AsyncConnection) -> list[str]:
    """Deliver some; the ids of those that they were for, less than ``BATCH`` where none is left."""
    reached: list[str] = []
    for _ in range(BATCH):
        cursor = await connection.execute(DELIVER, prepare=True)
        row = await cursor.fetchone()
        if row is None:
            break
        reached.append(row[0])
    return reached


async def events(connection: AsyncConnection) -> tuple[list[str], bool]:
    """Tell some of those who wait; who was told, and whether there is more to do. One process at a time."""
    cursor = await connection.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
    row = await cursor.fetchone()
    if row is None or not row[0]:
        return [], False
    try:
        return await _events(connection)
    finally:
        await connection.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


async def earlier(connection: AsyncConnection, listening: Iterable[dict[str, Any]]) -> list[Word]:
    """What was emitted already: of each run ``{run, name, key, after, since}``, the last in epoch seconds."""
    cursor = await connection.execute(EARLIER, [orjson.dumps(list(listening)).decode()])
    return [Word(0, "event", _told(*row[1:], run=row[0])) for row in await cursor.fetchall()]


async def _events(connection: AsyncConnection) -> tuple[list[str], bool]:
    cursor = await connection.execute(NEW)
    found = await cursor.fetchone()
    if found is None:
        return [], False
    id, name, key = found[:3]
    asked = {"awaits": f"event:{name}:{key}", "id": id, "limit": BATCH}
    cursor = await connection.execute(WAITING, asked)
    waiting = await cursor.fetchall()
    for execution_id, index in waiting:
        told = orjson.dumps(_told(*found, run=index)).decode()
        await connection.execute(TELL, [execution_id, told], prepare=True)
    if len(waiting) < BATCH:
        await connection.execute(DELIVERED, [id])
    return [row[0] for row in waiting], True


def _told(id: int, name: str, key: str, payload: Any, at: Any, *, run: int) -> dict[str, Any]:
    return {"run": run, "eventId": id, "name": name, "key": key, "payload": payload, "at": iso(at)}
