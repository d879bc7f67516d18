"""One simulated database, one simulated executor, and time that passes when nothing else is to be done."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any

from executions import intake
from executions.errors import InvalidInput
from executions.executor.driving.driver import Driver
from executions.flow.state import Run
from executions.intake import Start
from executions.moments import ms
from executions.testing.database import Database
from executions.testing.executor import SimulatedExecutor
from executions.testing.rows import Rows
from executions.testing.script import Script
from executions.testing.shelf import Shelf, Written
from executions.testing.timeline import Timeline
from executions.transitions import Transition
from executions.vault.inputs import sealed_input
from executions.vault.known import Secrets

START = datetime(2026, 1, 1, tzinfo=UTC)
MOST_STEPS = 2_000_000
"""After which something goes round for ever without time passing."""

Watcher = Callable[[str, dict[str, Any]], None]
"""Called with an execution's id and each event of its log, as it is committed."""


class Simulation:
    def __init__(self, shelf: Shelf, script: Script, *, start: datetime = START, seed: int = 0) -> None:
        self.shelf = shelf
        self.timeline = Timeline(start)
        self.database = Database(self.timeline.now)
        self.executor = SimulatedExecutor(
            "test", self.timeline, self.database, shelf.definition, script, Random(seed), self._child
        )
        self.watchers: list[Watcher] = []
        self._seen: dict[str, int] = {}
        self._numbers = count(1)
        self.database.told.append(self._told)

    def start(
        self, workflow: Written, given: dict[str, Any], timeout: timedelta | None, **options: Any
    ) -> str:
        """Store a new execution. Raises ``InvalidInput`` as the real start does."""
        begun = prepared(self.shelf, workflow, given, self.new_id(), timeout=timeout, **options)
        return self.store(begun)

    def store(self, begun: Start) -> str:
        self.database.create(self.queued(begun))
        return begun.execution_id

    def new_id(self) -> str:
        return f"wf_exec_{ms(self.timeline.now())}_{next(self._numbers):09}"

    def run(self, until: datetime | None = None) -> None:
        """Let happen what is to happen, up to that moment; else until nothing is left."""
        for _ in range(MOST_STEPS):
            if not self._step(until):
                return
        raise AssertionError(f"it goes on for ever at {self.timeline.now().isoformat()}")

    def _step(self, until: datetime | None) -> bool:
        """False: nothing more is to happen."""
        if self.database.deliver():
            return True
        due = self.database.due()
        if due:
            self.executor.claim(due[0])
            return True
        moments = [at for at in (self.timeline.next_at, self.database.next_due()) if at is not None]
        at = min(moments, default=None)
        if at is None or (until is not None and at > until):
            if until is not None:
                self.timeline.advance(until)
            return False
        if at == self.timeline.next_at:
            self.timeline.step()
        else:
            self.timeline.advance(at)
        return True

    def _told(self, execution_id: str) -> None:
        rows = self.database.executions[execution_id]
        seen, self._seen[execution_id] = self._seen.get(execution_id, 0), len(rows.events)
        for event in rows.events[seen:]:
            for watch in list(self.watchers):
                watch(execution_id, event)
        self.timeline.call_soon(self.executor.look, execution_id)

    def _child(self, driver: Driver, run: Run) -> Transition:
        begun = called(self.shelf, driver, run, self.new_id())
        return self.queued(begun)

    def queued(self, begun: Start) -> Transition:
        """Its rows."""
        if begun.secrets is not None:
            self.database.secrets[begun.execution_id] = begun.secrets
        return intake.queued(begun, self.timeline.now())

    def rows(self, execution_id: str) -> Rows:
        return self.database.executions[execution_id]


def called(shelf: Shelf, driver: Driver, run: Run, execution_id: str) -> Start:
    """The execution that a subworkflow's node asks for."""
    asked = run.arguments
    limit = run.node.timeout.start_to_close if run.node.timeout else None
    return prepared(
        *(shelf, asked["workflowId"], asked["input"], execution_id, driver.flow.secrets),
        timeout=None if limit is None else timedelta(seconds=limit),
        trigger="subworkflow",
        parent=driver.flow.execution_id,
        parent_run=run.index,
    )


def prepared(
    shelf: Shelf,
    workflow: Written,
    given: Any,
    execution_id: str,
    known: Secrets | None = None,
    **options: Any,
) -> Start:
    """A checked request, as the real start makes one, that nothing has to be stored for.

    ``known``: the secrets of the execution that asks for it.
    """
    version = shelf.version(workflow)
    definition = shelf.definition(version.pk)
    encoded, problems = intake.encode_input(given)
    if not problems:
        found = definition.input_problems(given)
        problems = [{"detail": each.detail, "pointer": f"/input{each.pointer}"} for each in found]
    if problems:
        raise InvalidInput(problems)
    secrets = sealed_input(definition.input_schema, given, encoded, known).secrets
    trace_id = hashlib.sha256(execution_id.encode()).hexdigest()[:32]
    return Start(
        *(version, definition, execution_id, given, encoded, secrets),
        trace_id=trace_id,
        span_id=trace_id[-16:],
        **options,
    )
