"""The chores, each by name, done by whichever executor comes first."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from psycopg import AsyncConnection

from executions import database, notifications
from executions.conf import conf
from executions.executor.claiming import admission, claims
from executions.models import Command, Emission, Execution, IdempotentRequest, StatusCount

log = logging.getLogger("c4c.executor")

FOLD = f"""
WITH gone AS (
  DELETE FROM {StatusCount._meta.db_table} WHERE id IN (
    SELECT id FROM {StatusCount._meta.db_table} ORDER BY id LIMIT 10000 FOR UPDATE SKIP LOCKED)
  RETURNING status, delta
)
INSERT INTO {StatusCount._meta.db_table} (status, delta)
SELECT status, sum(delta) FROM gone GROUP BY status HAVING sum(delta) <> 0
"""
FORGET = f"""
DELETE FROM {IdempotentRequest._meta.db_table} WHERE created_at < now() - %s * interval '1 hour'
"""
FORGET_EMISSIONS = f"""
DELETE FROM {Emission._meta.db_table} WHERE delivered_at IS NOT NULL AND at < now() - %s * interval '1 day'
"""
IGNORE = f"""
UPDATE {Command._meta.db_table} c SET handled_at = now(), outcome = 'ignored'
FROM {Execution._meta.db_table} e
WHERE c.handled_at IS NULL AND e.id = c.execution_id AND e.ended_at IS NOT NULL
"""
"""Words that came as their execution's last transition was written: nobody reads its inbox any more."""
SLOW_EVERY = 10
"""Rounds between two of the chores that are not urgent."""


class Judge(Protocol):
    @property
    def may_judge(self) -> bool:
        """Whether to call other executors dead."""


class Maintenance:
    def __init__(self, judge: Judge) -> None:
        self._judge = judge

    async def run(self) -> None:
        """Every ``POLL_SECONDS``; a lost connection costs a round."""
        while True:
            try:
                async with await database.aconnect("c4c-maintenance") as connection:
                    await self._rounds(connection)
            except database.UNAVAILABLE as error:
                log.warning("maintenance: %s", error)
                await asyncio.sleep(conf.POLL_SECONDS)

    async def _rounds(self, connection: AsyncConnection) -> None:
        done = 0
        while True:
            if self._judge.may_judge:
                await self._reap(connection)
            await connection.execute(IGNORE)
            if done % SLOW_EVERY == 0:
                await connection.execute(FOLD)
                await connection.execute(FORGET, [conf.IDEMPOTENCY_HOURS])
                await admission.sweep(connection)
                await connection.execute(FORGET_EMISSIONS, [conf.EMISSION_DAYS])
            done += 1
            await asyncio.sleep(conf.POLL_SECONDS)

    async def _reap(self, connection: AsyncConnection) -> None:
        freed = await claims.reap(connection)
        if freed:
            log.warning("took %s executions from dead executors", len(freed))
            notifications.wake(freed)
