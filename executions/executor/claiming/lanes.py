"""The statements of the gate. Each is safe by itself; ``admission`` says in which order they are used."""

from __future__ import annotations

from executions.executor.claiming.claims import open_queues
from executions.models import Execution, Lane, Slot

_EXECUTION, _LANE, _SLOT = (model._meta.db_table for model in (Execution, Lane, Slot))

_AT_GATE = "e.lane IS NOT NULL AND e.admitted_at IS NULL AND e.status = 'queued'"
_HELD = f"EXISTS (SELECT FROM {_EXECUTION} x WHERE x.id = s.execution_id AND x.ended_at IS NULL)"
COUNTS = f"CASE WHEN s.until IS NULL THEN {_HELD} ELSE s.until > statement_timestamp() END"
"""Whether the slot ``s`` takes a place."""

OPEN = f"""
INSERT INTO {_LANE} (name, queue, gate)
SELECT DISTINCT ON (e.lane) e.lane, e.queue, e.gate FROM {_EXECUTION} e
WHERE e.id = ANY(%(ids)s) AND {_AT_GATE}
ORDER BY e.lane ON CONFLICT DO NOTHING
"""
"""The lanes of executions that have come to the gate; one that is there knows when it is to be looked at."""

WAKE = f"""
UPDATE {_LANE} SET check_at = clock_timestamp(), blocked_by = '' WHERE name IN (
  SELECT l.name FROM (
    SELECT s.key, count(*) AS places FROM {_SLOT} s JOIN {_EXECUTION} e ON e.id = s.execution_id
    WHERE s.execution_id = ANY(%(ids)s) AND s.until IS NULL AND e.ended_at IS NOT NULL GROUP BY s.key
  ) AS free
  CROSS JOIN LATERAL (
    SELECT name FROM {_LANE} WHERE blocked_by = free.key AND check_at IS NULL
    ORDER BY served_at LIMIT free.places FOR NO KEY UPDATE SKIP LOCKED
  ) AS l
)
"""
"""As many lanes as these executions have left places, those first that were served longest ago."""

DUE = f"""
SELECT l.name, l.gate FROM ({open_queues(_LANE, "check_at IS NOT NULL")}) AS queue
CROSS JOIN LATERAL (
  SELECT * FROM {_LANE} WHERE queue = queue.name AND check_at <= clock_timestamp()
  ORDER BY check_at, served_at LIMIT %(lanes)s
) AS l
ORDER BY l.check_at, l.served_at LIMIT %(lanes)s
"""

OWN = f"SELECT e.lane, e.gate FROM {_EXECUTION} e WHERE e.id = ANY(%(only)s) AND {_AT_GATE}"

HOLD = f"""
SELECT FROM {_LANE} WHERE name = %(lane)s::text AND check_at <= clock_timestamp()
FOR NO KEY UPDATE SKIP LOCKED
"""

LOCK = """
SELECT pg_advisory_xact_lock(number) FROM (
  SELECT DISTINCT hashtextextended('c4c slots ' || key, 0) AS number FROM unnest(%(keys)s::text[]) AS k(key)
  ORDER BY number
) AS keys
"""

TAKEN = f"""
WITH gone AS (DELETE FROM {_SLOT} s WHERE s.key = ANY(%(keys)s) AND NOT {COUNTS})
SELECT s.key, count(*) FROM {_SLOT} s WHERE s.key = ANY(%(keys)s) AND {COUNTS} GROUP BY s.key
"""

ADMIT = f"""
WITH head AS (
  SELECT e.id FROM {_EXECUTION} e
  WHERE e.lane = %(lane)s::text AND e.admitted_at IS NULL AND e.status = 'queued' AND e.leased_by IS NULL
    AND (%(only)s::text[] IS NULL OR e.id = ANY(%(only)s))
  ORDER BY e.priority DESC, e.queued_at, e.id LIMIT %(most)s FOR UPDATE SKIP LOCKED
), let AS (
  UPDATE {_EXECUTION} e SET admitted_at = clock_timestamp(), available_at = now()
  FROM head WHERE e.id = head.id RETURNING e.id
), taken AS (
  INSERT INTO {_SLOT} (key, execution_id, until)
  SELECT k.key, let.id, clock_timestamp() + k.seconds * interval '1 second'
  FROM let CROSS JOIN json_to_recordset(%(slots)s::json) AS k(key text, seconds float8)
)
SELECT id FROM let
"""
"""The heads of the lane, a slot for each under each key."""

AGAIN = f"""
UPDATE {_LANE} SET check_at = clock_timestamp(), served_at = clock_timestamp(), blocked_by = ''
WHERE name = %(lane)s::text
"""

BLOCK = f"""
UPDATE {_LANE} SET blocked_by = %(key)s::text,
  served_at = CASE WHEN %(served)s THEN clock_timestamp() ELSE served_at END,
  check_at = (SELECT min(s.until) FROM {_SLOT} s WHERE s.key = %(key)s::text AND {COUNTS})
WHERE name = %(lane)s::text
"""
"""Until the first slot of a rate runs out; under a limit of concurrency until it is told."""

CLOSE = f"DELETE FROM {_LANE} WHERE name = %(lane)s::text"

PASS_ON = f"""
UPDATE {_LANE} SET check_at = clock_timestamp(), blocked_by = '' WHERE name IN (
  SELECT name FROM {_LANE} WHERE blocked_by = %(key)s::text AND check_at IS NULL AND name <> %(lane)s::text
  ORDER BY served_at LIMIT %(places)s FOR NO KEY UPDATE SKIP LOCKED
)
"""
"""What this lane leaves, others may take."""

LOOK_AGAIN = f"""
UPDATE {_LANE} SET check_at = clock_timestamp(), blocked_by = ''
WHERE name = %(lane)s::text AND check_at IS NULL
  AND (SELECT count(*) FROM {_SLOT} s WHERE s.key = %(key)s::text AND {COUNTS}) < %(most)s
"""
"""What has changed while the lane was looked at has told nobody: it was not blocked yet."""

REOPEN = f"""
WITH RECURSIVE waiting(lane) AS (
  SELECT min(e.lane) FROM {_EXECUTION} e WHERE {_AT_GATE}
  UNION ALL
  SELECT (SELECT min(e.lane) FROM {_EXECUTION} e WHERE {_AT_GATE} AND e.lane > waiting.lane)
  FROM waiting WHERE waiting.lane IS NOT NULL
)
INSERT INTO {_LANE} (name, queue, gate)
SELECT w.lane, head.queue, head.gate FROM waiting w CROSS JOIN LATERAL (
  SELECT e.queue, e.gate FROM {_EXECUTION} e WHERE e.lane = w.lane AND {_AT_GATE} LIMIT 1
) AS head
WHERE NOT EXISTS (SELECT FROM {_LANE} l WHERE l.name = w.lane)
ORDER BY w.lane ON CONFLICT DO NOTHING
"""

REWAKE = f"""
WITH blocked AS MATERIALIZED (
  SELECT l.name, l.blocked_by AS key,
    row_number() OVER (PARTITION BY blocked_by ORDER BY served_at) AS place,
    (SELECT (g ->> 'limit')::int FROM jsonb_array_elements(l.gate) g WHERE g ->> 'key' = blocked_by) AS most
  FROM {_LANE} l WHERE l.check_at IS NULL
), taken AS MATERIALIZED (
  SELECT s.key, count(*) AS places FROM {_SLOT} s
  WHERE s.key IN (SELECT key FROM blocked) AND {COUNTS} GROUP BY s.key
)
UPDATE {_LANE} SET check_at = clock_timestamp(), blocked_by = '' WHERE name IN (
  SELECT l.name FROM {_LANE} l JOIN blocked b ON b.name = l.name LEFT JOIN taken t ON t.key = b.key
  WHERE b.place <= b.most - coalesce(t.places, 0)
  FOR NO KEY UPDATE OF l SKIP LOCKED
)
"""

SWEEP_SLOTS = f"""
DELETE FROM {_SLOT} WHERE id IN (
  SELECT s.id FROM {_SLOT} s LEFT JOIN {_EXECUTION} e ON e.id = s.execution_id
  WHERE CASE WHEN s.until IS NULL THEN e.id IS NULL OR e.ended_at < now() - interval '1 minute'
    ELSE s.until < now() - interval '1 minute' END
  LIMIT 10000 FOR UPDATE OF s SKIP LOCKED
)
"""
"""Of keys that nobody has asked for since."""

SWEEP = (SWEEP_SLOTS, REOPEN, REWAKE)
"""For maintenance: lanes that have been forgotten, and slots that nobody counts any more."""
