"""What became of an execution, and how a test says what it expected."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from executions.events import payload
from executions.executor.claiming.takeover import restored
from executions.testing import golden
from executions.testing.executor import claimed
from executions.testing.simulation import Simulation

Event = dict[str, Any]


class NodeRun:
    """One node's run, as its row has it."""

    def __init__(self, row: Any) -> None:
        self.node: str = row.node_id
        self.kind: str = row.kind
        self.status: str = str(row.status)
        self.attempts: int = row.attempt
        self.input: Any = row.input
        self.output: Any = row.output
        self.error: dict[str, Any] | None = row.error
        self.wait_reason: str = row.wait_reason
        self.started_at: datetime | None = row.started_at
        self.ended_at: datetime | None = row.ended_at

    def __repr__(self) -> str:
        error = f": {self.error['name']}: {self.error['message']}" if self.error else ""
        waits = f" ({self.wait_reason})" if self.wait_reason else ""
        tries = f", {self.attempts} attempts" if self.attempts > 1 else ""
        return f"<{self.node} {self.status}{tries}{waits}{error}>"


class Result:
    """``status`` and ``outputs`` as the API answers them, ``events`` as a stream tells them.

    An execution that waits is told as it stands; ``c4c.go_on()`` answers a later one.
    """

    def __init__(self, simulation: Simulation, execution_id: str, *, folder: str, update: bool) -> None:
        rows = simulation.rows(execution_id)
        definition = simulation.shelf.definition(rows.version)
        flow, _ = restored(definition, claimed(rows), rows.runs, 0)
        self._simulation, self._folder, self._update = simulation, folder, update
        self.execution_id = execution_id
        self.workflow_id = definition.id
        self.status = str(rows.status)
        self.wait_reason = rows.wait_reason
        self.error: dict[str, Any] | None = rows.error
        self.vars: dict[str, Any] = flow.root.vars
        self.runs = [NodeRun(row) for row in rows.runs]
        self.events: list[Event] = [
            payload(execution_id, definition.id, event["seq"], str(event["type"]), event["data"])
            for event in rows.events
        ]
        self.outputs: dict[str, Any] = rows.result if rows.result is not None else flow.outputs()
        self.started_at, self.ended_at = rows.started_at, rows.ended_at
        self.elapsed: timedelta = simulation.timeline.elapsed
        self._children = [
            other.id
            for other in simulation.database.executions.values()
            if other.created["parent"] == execution_id
        ]

    @property
    def children(self) -> list[Result]:
        """The executions that its subworkflow nodes have started, in that order."""
        options: Any = {"folder": self._folder, "update": self._update}
        return [Result(self._simulation, child, **options) for child in self._children]

    def node(self, node_id: str) -> NodeRun:
        """Its last run."""
        found = [run for run in self.runs if run.node == node_id]
        if not found:
            raise AssertionError(self._wrong(f"{node_id} to have run"))
        return found[-1]

    def told(self, type: str, node_id: str | None = None) -> list[Event]:
        """The events of that type, of a node or of all."""
        found = [event for event in self.events if event["type"] == type]
        return [event for event in found if node_id is None or event.get("nodeId") == node_id]

    @property
    def executed(self) -> list[str]:
        """The nodes in the order in which they started; one that ran twice is there twice."""
        return [run.node for run in self.runs if run.started_at is not None]

    # What a test expects. Each answers the result, so that they can follow one another

    def expect(self, status: str) -> Result:
        if self.status != status:
            raise AssertionError(self._wrong(status))
        return self

    def expect_completed(self, outputs: Any = None) -> Result:
        """``outputs``: what is to be in them, at least."""
        self.expect("completed")
        missing = {name: value for name, value in (outputs or {}).items() if self.outputs.get(name) != value}
        if missing:
            raise AssertionError(self._wrong(f"the outputs to have {missing!r}, got {self.outputs!r}"))
        return self

    def expect_failed(self, error: str | None = None, *, node: str | None = None) -> Result:
        """``error``: its name; ``node``: whose failure it was."""
        self.expect("failed")
        told = self.error or {}
        for field, expected in (("name", error), ("nodeId", node)):
            if expected is not None and told.get(field) != expected:
                raise AssertionError(self._wrong(f"an error whose {field} is {expected}, got {told!r}"))
        return self

    def expect_waiting(self, node: str | None = None) -> Result:
        """``node``: what it waits at."""
        self.expect("waiting")
        if node is not None and self.node(node).status != "waiting":
            raise AssertionError(self._wrong(f"{node} to be waiting"))
        return self

    def expect_executed(self, *nodes: str) -> Result:
        """These started in this order; others may have in between."""
        rest = iter(self.executed)
        if not all(node in rest for node in nodes):
            raise AssertionError(
                self._wrong(f"{', '.join(nodes)} in this order, got {', '.join(self.executed)}")
            )
        return self

    def expect_not_executed(self, *nodes: str) -> Result:
        found = [node for node in nodes if node in self.executed]
        if found:
            raise AssertionError(self._wrong(f"{', '.join(found)} not to run"))
        return self

    def golden(self, path: str, *, ignore: Iterable[str] = ()) -> Result:
        """The event sequence is as it was when the file was recorded, ids aside, and times from the start.

        Recorded where there is no such file, and with ``--c4c-update``. ``ignore``: keys whose values differ
        from run to run.
        """
        golden.compare(self, golden.place(self._folder, path), update=self._update, ignore=frozenset(ignore))
        return self

    # How it is told

    @property
    def story(self) -> str:
        """What happened when, a line an event."""
        start = self._simulation.timeline.start.timestamp() * 1000
        rows = self._simulation.rows(self.execution_id)
        lines = [
            f"{timedelta(milliseconds=round(event['at'] * 1000 - start))!s:>16}  {_line(event)}"
            for event in rows.events
        ]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<{self.workflow_id} {self.status} after {self.elapsed}>"

    def _wrong(self, expected: str) -> str:
        error = f": {self.error.get('name')}: {self.error.get('message')}" if self.error else ""
        waits = f" ({self.wait_reason})" if self.wait_reason else ""
        return f"expected {expected}; {self.workflow_id} is {self.status}{waits}{error}\n\n{self.story}"


def _line(event: Event) -> str:
    data = event["data"]
    told = [str(event["type"]), str(data.get("nodeId", ""))]
    if data.get("attempt", 1) > 1:
        told.append(f"attempt {data['attempt']}")
    if data.get("path"):
        told.append(f"in {data['path']}")
    error = data.get("errorInfo") or data.get("error")
    if isinstance(error, dict):
        told.append(f"{error.get('name')}: {error.get('message')}")
    if data.get("reason"):
        told.append(str(data["reason"]))
    return "  ".join(part for part in told if part)
