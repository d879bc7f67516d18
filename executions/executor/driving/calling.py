"""Having a node start another execution: everything up to its rows, which the node's transition writes."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Any

from django.db import InterfaceError, InternalError, OperationalError, connection, connections

from executions import database, intake
from executions.conf import conf
from executions.errors import InvalidInput
from executions.flow.outcomes import Called, Failed, Outcome, Stopped
from executions.flow.state import Run
from executions.models import Execution
from executions.telemetry import span_id_of
from workflows.errors import InvalidDefinition, WorkflowNotFound

log = logging.getLogger("c4c.executor")

DEPTH = f"""
WITH RECURSIVE above(id, parent, depth) AS (
  SELECT id, parent_id, 1 FROM {Execution._meta.db_table} WHERE id = %s
  UNION ALL
  SELECT e.id, e.parent_id, above.depth + 1
  FROM {Execution._meta.db_table} e JOIN above ON e.id = above.parent
)
SELECT max(depth) FROM above
"""


class Call:
    """Stands among a driver's attempts; it hears of the end exactly once, on the loop."""

    def __init__(self, driver: Any, run: Run) -> None:
        self._driver = driver
        self.run = run
        self._task: asyncio.Task[None] | None = None
        self._over = False

    def start(self) -> None:
        self._task = self._driver.host.loop.create_task(self._prepare())

    def stop(self, grace: float | None = None) -> None:
        """Nothing is stored yet: it need not be waited for."""
        self._driver.host.loop.call_soon(self._end, Stopped())

    def abandon(self) -> None:
        self._over = True
        if self._task is not None:
            self._task.cancel()

    async def _prepare(self) -> None:
        """Waits for the database where it is gone: so does everything else of this execution."""
        host = self._driver.host
        while not self._over:
            try:
                outcome = await host.loop.run_in_executor(host.aside, self._called)
            except _UNAVAILABLE as error:
                log.warning("execution %s: cannot call: %s", self._driver.flow.execution_id, error)
                await asyncio.sleep(conf.POLL_SECONDS)
            else:
                self._end(outcome)

    def _called(self) -> Outcome:
        try:
            return self._child()
        except _UNAVAILABLE:
            raise
        except Exception as error:  # an input that does not fit, an unknown workflow: whatever intake refuses
            return Failed(type(error).__name__, str(error), retryable=not isinstance(error, _FINAL))
        finally:
            connections.close_all()

    def _child(self) -> Outcome:
        flow, run = self._driver.flow, self.run
        with connection.cursor() as cursor:
            cursor.execute(DEPTH, [flow.execution_id])
            depth = cursor.fetchone()[0]
        if depth >= conf.MAX_DEPTH:
            return Failed("LimitExceeded", f"executions within executions, {depth} deep", retryable=False)
        parent = Execution.objects.only("tags", "priority").get(pk=flow.execution_id)
        asked = run.arguments
        intake.forget(asked["workflowId"])
        limit = run.node.timeout.start_to_close if run.node.timeout else None
        start = intake.prepare(
            asked["workflowId"],
            input=asked["input"],
            version=asked["version"],
            timeout=limit,
            tags=parent.tags,
            priority=parent.priority,
            trigger="subworkflow",
            traceparent=self._traceparent(),
            known=flow.secrets,
        )
        child = replace(start, newest=False, parent=flow.execution_id, parent_run=run.index)
        child = intake.offloaded(child)
        return Called(child.execution_id, intake.queued(child, self._driver.host.clock.now()))

    def _traceparent(self) -> str:
        trace = self._driver.trace_id
        return f"00-{trace}-{span_id_of(trace, self.run.index, self.run.attempt)}-01"

    def _end(self, outcome: Outcome) -> None:
        if not self._over:
            self._over = True
            self._driver.ended(self.run.index, outcome)


_FINAL = (InvalidInput, InvalidDefinition, WorkflowNotFound)
"""Trying again comes to the same."""

_UNAVAILABLE = (*database.UNAVAILABLE, OperationalError, InterfaceError, InternalError)
"""As Django tells it too."""
