"""Attempts in virtual time: user code is called where the test is, or what the test has said happens."""

from __future__ import annotations

import inspect
import logging
from dataclasses import replace
from typing import Any

import orjson
from asgiref.sync import async_to_sync
from django.db import transaction

from executions.events import run_id
from executions.executor.attempts.endings import completed, failed, failed_as, readable
from executions.executor.attempts.keeping import is_simple
from executions.flow.outcomes import Called, Completed, Failed, Outcome, Stopped
from executions.flow.state import Run
from executions.telemetry import attempt_context, span_id_of
from executions.testing.script import Line
from executions.vault.marks import marks
from executions.vault.stored import encode_marked
from procedures import Context, Procedure, registry

TOO_LATE = "no end within {:g} s (timeout.startToClose)"


class Call:
    """One attempt. Its user code is called at the moment at which it ends, in the thread of the test.

    So database writes of sync and async procedures are part of the test's transaction.
    """

    def __init__(self, driver: Any, run: Run) -> None:
        self.driver, self.run = driver, run
        self._host = driver.host
        self._over = False
        self._told_to_stop = False
        self._timer: Any = None

    # What a driver asks of an attempt

    def start(self) -> None:
        takes = self._host.script.find(self.run, "takes")
        seconds = takes.seconds if takes else 0.0
        limit = self.run.node.timeout.start_to_close if self.run.node.timeout else None
        if limit is not None and seconds > limit:
            self._timer = self._host.loop.call_later(limit, self._time_out, limit)
        elif seconds != float("inf"):
            self._timer = self._host.loop.call_later(seconds, self._finish)

    def stop(self, grace: float | None = None) -> None:
        if not self._told_to_stop:
            self._told_to_stop = True
            self._clear()
            self._host.loop.call_soon(self._end, Stopped())

    def abandon(self) -> None:
        self._over = True
        self._clear()

    # How it ends

    def _finish(self) -> None:
        outcome = self._outcome()
        if self._host.script.find(self.run, "crash", moment="during"):
            self._host.crash()
        else:
            self._end(outcome)

    def _outcome(self) -> Outcome:
        said = self._host.script.find(self.run, "fail", "answer")
        if said is not None and said.failure is not None:
            return said.failure
        procedure = self._procedure
        with attempt_context(self.driver.trace_id, self._span_id()) as span:
            try:
                values = self._bound(procedure)
                if said is not None:
                    return self._answered(said, procedure)
                return self._shown(completed(procedure, self._called(procedure, values), span.collected()))
            except (Exception, SystemExit) as error:
                return failed(error, span.collected())

    def _called(self, procedure: Procedure, values: dict[str, Any]) -> Any:
        if procedure.is_async:
            return async_to_sync(procedure.handler)(**values)
        if not procedure.transactional:
            return procedure.handler(**values)
        with transaction.atomic():
            # Checked within, as its node's end is: an answer that cannot be stored undoes what it wrote.
            answer = procedure.handler(**values)
            completed(procedure, answer, [])
            if self._host.script.find(self.run, "crash", moment="during"):
                transaction.set_rollback(True)
            return answer

    def _answered(self, said: Line, procedure: Procedure) -> Outcome:
        """The test's own answer, which must fit the contract."""
        output = _given(said.output, self.run.arguments) if callable(said.output) else said.output
        return self._shown(completed(procedure, output, []))

    def _shown(self, outcome: Completed) -> Completed:
        """As events tell it: without secrets. In memory nothing need be sealed."""
        schema, secrets = self._procedure.contract.output_schema, self.driver.flow.secrets
        if is_simple(outcome, self._procedure, secrets):
            return outcome
        return replace(outcome, shown=encode_marked(outcome.output, secrets, marks(schema)).shown)

    @property
    def _procedure(self) -> Procedure:
        return registry.get(self.run.node.procedure or "")

    def _time_out(self, seconds: float) -> None:
        self._end(failed_as(TimeoutError, TOO_LATE.format(seconds)))

    def _end(self, outcome: Outcome) -> None:
        if not self._over:
            self._over = True
            self._clear()
            self.driver.ended(self.run.index, outcome)

    def _clear(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    # What user code gets

    def _bound(self, procedure: Procedure) -> dict[str, Any]:
        return procedure.bind(self.run.arguments, self._context() if procedure.wants_context else None)

    def _context(self) -> Context:
        flow, run = self.driver.flow, self.run
        name = run_id(flow.execution_id, run.index)
        return Context(
            execution_id=flow.execution_id,
            workflow_id=flow.definition.id,
            workflow_name=flow.definition.name,
            node_id=run.node.id,
            run_id=name,
            attempt=run.attempt,
            idempotency_key=name,
            procedure=run.node.procedure or "",
            heartbeat_details=run.details,
            is_cancelled=lambda: self._told_to_stop,
            listener=self,
        )

    def _span_id(self) -> str:
        return span_id_of(self.driver.trace_id, self.run.index, self.run.attempt)

    # What user code tells

    def progress(self, fraction: float | None, message: str | None) -> None:
        told: dict[str, Any] = {}
        if fraction is not None:
            told["progress"] = min(1.0, max(0.0, float(fraction)))
        if message is not None:
            told["message"] = readable(message)
        self.driver.progress(self.run.index, told)

    def heartbeat(self, details: Any) -> None:
        if details is not None:
            self.driver.beat(self.run.index, details)

    def log(self, level: int, message: str) -> None:
        name = logging.getLevelName(level).lower()
        self.driver.progress(self.run.index, {"message": readable(message), "level": name})

    def stream(self, chunk: str) -> None:
        self.driver.progress(self.run.index, {"chunk": readable(chunk)})


class Child:
    """A subworkflow's attempt: over as soon as the other execution can be stored."""

    def __init__(self, driver: Any, run: Run) -> None:
        self.driver, self.run = driver, run
        self._over = False

    def start(self) -> None:
        self.driver.host.loop.call_soon(self._call)

    def stop(self, grace: float | None = None) -> None:
        self.driver.host.loop.call_soon(self._end, Stopped())

    def abandon(self) -> None:
        self._over = True

    def _call(self) -> None:
        said = self.driver.host.script.find(self.run, "fail", "answer")
        try:
            if said is not None:
                self._end(said.failure or _ended_child(said.output))
                return
            made = self.driver.host.callee(self.driver, self.run)
        except Exception as error:
            self._end(Failed(type(error).__name__, str(error), retryable=False))
        else:
            self._end(Called(made.execution_id, made))

    def _end(self, outcome: Outcome) -> None:
        if not self._over:
            self._over = True
            self.driver.ended(self.run.index, outcome)


def _ended_child(outputs: Any) -> Completed:
    """As if it had run and completed."""
    output = {"executionId": "answered", "status": "completed", "outputs": outputs}
    return Completed(output, orjson.dumps(output))


def _given(answer: Any, arguments: dict[str, Any]) -> Any:
    return answer(**arguments) if inspect.signature(answer).parameters else answer()
