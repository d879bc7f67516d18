"""Taking work, and taking it back from the dead: the statements of the claim."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from psycopg import AsyncConnection
from psycopg.rows import namedtuple_row

from executions.models import Command, Execution, Lane, NodeRun, Queue
from executions.models import Executor as Row
from executions.vault.stored import read

_EXECUTION, _RUN, _COMMAND, _EXECUTOR, _LANE, _QUEUE = (
    model._meta.db_table for model in (Execution, NodeRun, Command, Row, Lane, Queue)
)

_COLUMNS = """e.id, e.version_id, e.status, e.wait_reason, e.input::text, e.last_seq, e.lease_token, e.inbox,
  e.pause_requested, e.started_at, e.deadline_at, e.trace_id, e.retry_of_id, e.rerun_of_id,
  e.ending, e.parent_id, e.parent_run,
  e.lane, e.admitted_at"""


def open_queues(table: str, condition: str) -> str:
    """The queues that ``%(queues)s`` names (NULL: all of which the table has rows), the paused ones left out.

    The names are found by jumping from one to the next in the index on ``queue``.
    """
    first = f"SELECT min(queue) FROM {table} WHERE {condition}"
    return f"""
  SELECT q.name FROM (
    SELECT unnest(%(queues)s::text[]) COLLATE "C" AS name
    UNION ALL
    SELECT name FROM (
      WITH RECURSIVE known(name) AS (
        SELECT ({first}) WHERE %(queues)s::text[] IS NULL
        UNION ALL
        SELECT ({first} AND queue > known.name) FROM known WHERE known.name IS NOT NULL
      )
      SELECT name FROM known WHERE name IS NOT NULL
    ) AS jumped
  ) AS q
  WHERE NOT EXISTS (SELECT FROM {_QUEUE} p WHERE p.name = q.name AND p.paused_at IS NOT NULL)"""


DUE = "leased_by IS NULL AND available_at IS NOT NULL"

CLAIM = f"""
WITH due AS (
  SELECT d.id FROM (
    SELECT queue.name, level.priority
    FROM ({open_queues(_EXECUTION, DUE)}) AS queue CROSS JOIN generate_series(0, 9) AS level(priority)
    ORDER BY level.priority DESC, random()
  ) AS place
  CROSS JOIN LATERAL (
    SELECT e.id FROM {_EXECUTION} e
    WHERE e.leased_by IS NULL AND e.queue = place.name AND e.priority = place.priority
      AND e.available_at <= now() AND (%(only)s::text[] IS NULL OR e.id = ANY(%(only)s))
    ORDER BY e.available_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
  ) AS d
  LIMIT %(limit)s
)
UPDATE {_EXECUTION} e SET leased_by = %(executor)s, available_at = NULL,
  lease_token = e.lease_token + 1 + floor(random() * 1000000)::bigint
FROM due WHERE e.id = due.id
RETURNING {_COLUMNS}
"""
"""Level by level, so that however much is parked or queued below, it is not looked at; the queues of a level
in another order each time, so that none starves another.

The token grows by more than one: a crash of the database may forget a claim, whose token none may get again.
"""

CLAIM_CANCELLED = f"""
WITH due AS (
  SELECT e.id FROM {_COMMAND} c JOIN {_EXECUTION} e ON e.id = c.execution_id
  WHERE c.handled_at IS NULL AND c.kind = 'cancel' AND e.leased_by IS NULL AND e.available_at <= now()
    AND (e.started_at IS NULL OR %(queues)s::text[] IS NULL OR e.queue = ANY(%(queues)s))
    AND %(only)s::text[] IS NULL
    AND (%(queues)s::text[] IS NOT NULL OR EXISTS (SELECT FROM {_QUEUE} WHERE paused_at IS NOT NULL))
  ORDER BY c.id LIMIT %(limit)s FOR UPDATE OF e SKIP LOCKED
)
UPDATE {_EXECUTION} e SET leased_by = %(executor)s, available_at = NULL,
  lease_token = e.lease_token + 1 + floor(random() * 1000000)::bigint
FROM due WHERE e.id = due.id
RETURNING {_COLUMNS}
"""
"""What waits in a paused queue, or one that nobody serves, can still be cancelled."""

HELD = f"SELECT {_COLUMNS} FROM {_EXECUTION} e WHERE e.id = %s AND e.lease_token = %s"

NEXT_DUE = f"""
SELECT extract(epoch FROM min(d.available_at) - clock_timestamp())::float8, (
  SELECT extract(epoch FROM min(n.check_at) - clock_timestamp())::float8
  FROM ({open_queues(_LANE, "check_at IS NOT NULL")}) AS queue CROSS JOIN LATERAL (
    SELECT min(l.check_at) AS check_at FROM {_LANE} l WHERE l.queue = queue.name AND l.check_at IS NOT NULL
  ) AS n
)
FROM ({open_queues(_EXECUTION, DUE)}) AS queue CROSS JOIN generate_series(0, 9) AS level(priority)
CROSS JOIN LATERAL (
  SELECT e.available_at FROM {_EXECUTION} e
  WHERE e.leased_by IS NULL AND e.queue = queue.name AND e.priority = level.priority
    AND e.available_at IS NOT NULL
  ORDER BY e.available_at LIMIT 1
) AS d
"""

RUNS = f"""
SELECT execution_id, index, node_id, status, wait_reason, awaits, details::text, attempt, lost, previous,
  scope, branch, input::text, output::text, error, next_node_id, attempts, spans, started_at, attempt_at,
  ended_at, available_at, ended_seq, adopted_from
FROM {_RUN} WHERE execution_id = ANY(%s) ORDER BY execution_id, index
"""

COMMANDS = f"""
SELECT c.id, c.execution_id, c.kind, c.payload, c.actor FROM {_COMMAND} c
WHERE c.handled_at IS NULL AND c.execution_id = ANY(%s) ORDER BY c.id
"""

REAP = f"""
WITH dead AS (DELETE FROM {_EXECUTOR} WHERE expires_at < now())
UPDATE {_EXECUTION} e SET leased_by = NULL, lease_token = e.lease_token + 1, available_at = now()
WHERE e.leased_by IS NOT NULL
  AND NOT EXISTS (SELECT FROM {_EXECUTOR} x WHERE x.id = e.leased_by AND x.expires_at >= now())
RETURNING e.id
"""
"""A lease is as alive as its executor's heartbeat. With the new token its late writes are refused."""

REGISTER = f"""
INSERT INTO {_EXECUTOR} (id, hostname, pid, concurrency, queues, expires_at)
VALUES (%(id)s, %(hostname)s, %(pid)s, %(concurrency)s, %(queues)s, now() + %(lease)s * interval '1 second')
"""

BEAT = f"""
UPDATE {_EXECUTOR} SET heartbeat_at = now(), expires_at = now() + %(lease)s * interval '1 second'
WHERE id = %(id)s RETURNING clock_timestamp()
"""

LEAVE = f"""
WITH gone AS (DELETE FROM {_EXECUTOR} WHERE id = %(id)s)
UPDATE {_EXECUTION} SET leased_by = NULL, lease_token = lease_token + 1, available_at = now()
WHERE leased_by = %(id)s RETURNING id
"""

STRAY = f"SELECT id, lease_token FROM {_EXECUTION} WHERE leased_by = %s AND id <> ALL(%s)"

GIVE_BACK = f"""
UPDATE {_EXECUTION} SET leased_by = NULL, lease_token = lease_token + 1, available_at = now()
WHERE id = %s AND lease_token = %s AND leased_by = %s
"""

PUT_OFF = f"""
UPDATE {_EXECUTION} SET leased_by = NULL, lease_token = lease_token + 1, wait_reason = left(%s, 200),
  available_at = now() + interval '30 seconds'
WHERE id = %s AND lease_token = %s
"""


class Claimed(NamedTuple):
    """An execution's row, as the claim answers it."""

    id: str
    version_id: int
    status: str
    wait_reason: str
    input: Any
    last_seq: int
    lease_token: int
    inbox: int
    pause_requested: bool
    started_at: datetime | None
    deadline_at: datetime | None
    trace_id: str
    retry_of_id: str | None
    rerun_of_id: str | None
    ending: dict[str, Any] | None
    parent_id: str | None
    parent_run: int | None
    lane: str | None
    admitted_at: datetime | None


class Served(NamedTuple):
    """What an executor takes: from these queues, or of these executions. None: all."""

    queues: list[str] | None = None
    only: list[str] | None = None


async def claim(connection: AsyncConnection, executor: str, limit: int, served: Served) -> list[Claimed]:
    return await _claim(connection, CLAIM, executor, limit, served)


async def claim_cancelled(
    connection: AsyncConnection, executor: str, limit: int, served: Served
) -> list[Claimed]:
    """What is to be cancelled and ``claim`` does not come to."""
    return await _claim(connection, CLAIM_CANCELLED, executor, limit, served)


async def _claim(
    connection: AsyncConnection, statement: str, executor: str, limit: int, served: Served
) -> list[Claimed]:
    values = {"executor": executor, "limit": limit, **served._asdict()}
    cursor = await connection.execute(statement, values, prepare=True)
    return [_claimed(row) for row in await cursor.fetchall()]


async def give_back(connection: AsyncConnection, executor: str, driven: Mapping[str, object]) -> None:
    """Free what this executor has leased and does not drive.

    ``driven`` is looked at again after the rows were read: an execution that began here meanwhile is in it.
    """
    cursor = await connection.execute(STRAY, [executor, list(driven)])
    for execution_id, token in await cursor.fetchall():
        if execution_id not in driven:
            await connection.execute(GIVE_BACK, [execution_id, token, executor])


async def put_off(connection: AsyncConnection, execution_id: str, token: int, reason: str) -> None:
    """Free an execution that cannot be driven now, and say why."""
    await connection.execute(PUT_OFF, [reason, execution_id, token])


async def held(connection: AsyncConnection, execution_id: str, token: int) -> Claimed | None:
    """The row, if it is still under that token."""
    cursor = await connection.execute(HELD, [execution_id, token])
    row = await cursor.fetchone()
    return _claimed(row) if row else None


async def next_due(connection: AsyncConnection, served: Served) -> tuple[float | None, float | None]:
    """Seconds until an execution is due, and until a lane is to be looked at; None where nothing is."""
    cursor = await connection.execute(NEXT_DUE, {"queues": served.queues}, prepare=True)
    row = await cursor.fetchone()
    return (row[0], row[1]) if row else (None, None)


async def runs(connection: AsyncConnection, ids: list[str]) -> dict[str, list[Any]]:
    """Node runs by execution, each in the order of ``index``."""
    found: dict[str, list[Any]] = {execution_id: [] for execution_id in ids}
    async with connection.cursor(row_factory=namedtuple_row) as cursor:
        await cursor.execute(RUNS, [ids])
        for row in await cursor.fetchall():
            found[row[0]].append(_run(row))
    return found


def _claimed(row: tuple[Any, ...]) -> Claimed:
    found = Claimed(*row)
    return found._replace(input=read(found.input))


def _run(row: Any) -> Any:
    return row._replace(input=read(row.input), output=read(row.output), details=read(row.details))


async def commands(connection: AsyncConnection, ids: list[str]) -> list[Any]:
    """What waits in these executions' inboxes, oldest first."""
    async with connection.cursor(row_factory=namedtuple_row) as cursor:
        await cursor.execute(COMMANDS, [ids])
        return list(await cursor.fetchall())


async def reap(connection: AsyncConnection) -> list[str]:
    """Give back what dead executors held; the ids."""
    cursor = await connection.execute(REAP)
    return [row[0] for row in await cursor.fetchall()]
