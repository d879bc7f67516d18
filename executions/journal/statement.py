"""The one statement that writes transitions, and nothing half of any.

Every transition of a batch goes in as JSON; each execution's row is its own guard (lease token and last seq),
and node runs, events and commands are written only where the guard let the row move. One round trip, one
commit.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from executions.models import Command, Event, Execution, Letter, NodeRun, Queue, StatusCount
from executions.transitions import Transition
from workflows.models import Workflow

SQL = f"""
WITH asked AS MATERIALIZED (
  SELECT * FROM json_to_recordset(%s::json) AS t(
    id text, token bigint, expected int, seq int, was text, status text, reason text, started float8,
    ended float8, release bool, available float8, held bool, inbox int, error jsonb, result jsonb,
    ending jsonb, queue text)
), moved AS (
  UPDATE {Execution._meta.db_table} e SET
    status = t.status, wait_reason = t.reason, last_seq = t.seq, started_at = to_timestamp(t.started),
    ended_at = to_timestamp(t.ended), error = t.error, result = t.result, pause_requested = t.held,
    ending = t.ending, queue = coalesce(t.queue, e.queue),
    leased_by = CASE WHEN t.release THEN NULL ELSE e.leased_by END,
    available_at = CASE
      WHEN t.ended IS NOT NULL OR NOT t.release THEN NULL
      WHEN e.inbox > t.inbox THEN now()
      ELSE to_timestamp(t.available) END
  FROM asked t
  WHERE e.id = t.id AND e.lease_token = t.token AND e.last_seq = t.expected
  RETURNING e.id, t.was, t.status
), created AS (
  INSERT INTO {Execution._meta.db_table} (
    id, version_id, workflow_id, workflow_name, status, wait_reason, input, "trigger", key, tags, priority,
    parent_id, parent_run, retry_of_id, rerun_of_id, queue, lane, gate, queued_at, started_at, ended_at,
    error, result, deadline_at, available_at, last_seq, inbox, pause_requested, leased_by, lease_token,
    trace_id, span_id, parent_span_id)
  SELECT id, version, workflow, name, status, '', input, "trigger", key, tags, priority, parent,
    parent_run, retry, rerun, coalesce(queue, 'default'), lane, gate, least(now(), to_timestamp(started)),
    to_timestamp(started), to_timestamp(ended), error, result, now() + timeout * interval '1 second',
    CASE WHEN leased IS NOT NULL OR ended IS NOT NULL THEN NULL
      WHEN lane IS NULL THEN now() ELSE now() + timeout * interval '1 second' END, seq, 0, false,
    CASE WHEN ended IS NULL THEN leased END, token, trace, span, caller
  FROM json_to_recordset(%s::json) AS t(
    id text, version bigint, workflow text, name text, status text, input jsonb, "trigger" text, key text,
    tags text[], priority int, parent text, parent_run int, retry text, rerun text, queue text, lane text,
    gate jsonb, started float8, ended float8, error jsonb, result jsonb, timeout float8, seq int,
    leased text, token bigint, trace text, span text, caller text, newest bool, guard text)
  WHERE (NOT newest OR EXISTS (
    SELECT FROM {Workflow._meta.db_table} w WHERE w.id = t.workflow AND w.current_id = t.version))
    AND (guard IS NULL OR guard IN (SELECT id FROM moved))
    AND (leased IS NULL OR coalesce(queue, 'default') NOT IN (
      SELECT p.name FROM {Queue._meta.db_table} p WHERE p.paused_at IS NOT NULL))
  ON CONFLICT DO NOTHING
  RETURNING id, status
), applied AS MATERIALIZED (
  SELECT id, was, status FROM moved UNION ALL SELECT id, NULL, status FROM created
), run AS MATERIALIZED (
  SELECT r.* FROM json_to_recordset(%s::json) AS r(
    x text, i int, fresh bool, status text, reason text, awaits text, details jsonb, attempt int,
    lost int, input jsonb, output jsonb, error jsonb, next text, attempts jsonb, spans jsonb,
    started float8, began float8, ended float8, available float8, eseq int, node text, kind text,
    procedure text, previous int, scope int, branch int, adopted text)
  JOIN applied ON applied.id = r.x
), reached AS (
  INSERT INTO {NodeRun._meta.db_table} (
    execution_id, index, node_id, kind, procedure, status, wait_reason, awaits, details, attempt, lost,
    previous, scope, branch, input, output, error, next_node_id, attempts, spans, started_at,
    attempt_at, ended_at, available_at, ended_seq, adopted_from)
  SELECT x, i, node, kind, procedure, status, reason, awaits, details, attempt, lost, previous, scope, branch,
    input, output, error, next, attempts, spans, to_timestamp(started), to_timestamp(began),
    to_timestamp(ended), to_timestamp(available), eseq, adopted
  FROM run WHERE fresh
), changed AS (
  UPDATE {NodeRun._meta.db_table} n SET
    status = r.status, wait_reason = r.reason, awaits = r.awaits, details = r.details,
    attempt = r.attempt, lost = r.lost, input = r.input, output = r.output, error = r.error,
    next_node_id = r.next, attempts = r.attempts, spans = r.spans,
    started_at = to_timestamp(r.started), attempt_at = to_timestamp(r.began),
    ended_at = to_timestamp(r.ended),
    available_at = to_timestamp(r.available), ended_seq = r.eseq
  FROM run r WHERE NOT r.fresh AND n.execution_id = r.x AND n.index = r.i
), logged AS (
  INSERT INTO {Event._meta.db_table} (execution_id, seq, type, data, at)
  SELECT v.x, v.seq, v.type, v.data, to_timestamp(v.at)
  FROM json_to_recordset(%s::json) AS v(x text, seq int, type text, data jsonb, at float8)
  JOIN applied ON applied.id = v.x
), handled AS (
  UPDATE {Command._meta.db_table} c SET handled_at = now(), outcome = h.outcome
  FROM json_to_recordset(%s::json) AS h(x text, id bigint, outcome text)
  JOIN applied ON applied.id = h.x
  WHERE c.id = h.id
), sent AS (
  INSERT INTO {Letter._meta.db_table} (recipient_id, kind, payload)
  SELECT l.recipient, l.kind, l.payload
  FROM json_to_recordset(%s::json) AS l(x text, recipient text, kind text, payload jsonb)
  JOIN applied ON applied.id = l.x
), counted AS (
  INSERT INTO {StatusCount._meta.db_table} (status, delta)
  SELECT status, sum(n) FROM (
    SELECT status, 1 AS n FROM applied WHERE was IS DISTINCT FROM status
    UNION ALL
    SELECT was, -1 FROM applied WHERE was IS NOT NULL AND was <> status
  ) AS d GROUP BY status HAVING sum(n) <> 0
)
SELECT id FROM applied
"""
"""Answers the ids of the executions that moved or were created.

A missing one has lost its lease; where it was to be created, its id or key is taken, or it asked for the
newest version (``newest``) of a workflow and there is a newer one.
"""

AGAIN = SQL.replace("FROM run WHERE fresh", "FROM run WHERE fresh ON CONFLICT DO NOTHING")
"""For a batch whose commit has perhaps succeeded: a transition without events leaves its guard as it was."""

STANDING = f"SELECT id, lease_token, last_seq, span_id FROM {Execution._meta.db_table} WHERE id = ANY(%s)"

LOCKED = f"""
WITH free AS (
  SELECT id FROM {Execution._meta.db_table} WHERE id = ANY(%(ids)s) FOR NO KEY UPDATE SKIP LOCKED
)
SELECT id FROM {Execution._meta.db_table} WHERE id = ANY(%(ids)s) AND id NOT IN (SELECT id FROM free)
"""
"""Which of these rows somebody else holds a lock on."""


def parameters(batch: Iterable[Transition]) -> list[str]:
    """The statement's six JSON arguments."""
    moved: list[Any] = []
    created: list[Any] = []
    runs: list[Any] = []
    events: list[Any] = []
    commands: list[Any] = []
    letters: list[Any] = []
    for transition in batch:
        if transition.moved is not None:
            moved.append(transition.moved)
        if transition.created is not None:
            created.append(transition.created)
        for child in transition.children:
            created.append(child.created)
            runs += child.runs
            events += child.events
        runs += transition.runs
        events += transition.events
        commands += transition.commands
        letters += transition.letters
    return [orjson.dumps(rows).decode() for rows in (moved, created, runs, events, commands, letters)]
