"""A real execution once more: its definition and input, what its attempts came to, the words that came.

Nothing of user code is called. Times are as they were, so that a fault can be looked at in virtual time.
"""

from __future__ import annotations

import difflib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from executions.errors import ExecutionNotFound
from executions.executor.driving.driver import Driver
from executions.flow.outcomes import Called, Completed, Failed, Lost, Stopped
from executions.flow.state import Run
from executions.models import Command, Event, Execution, NodeRun
from executions.testing.executor import SimulatedExecutor
from executions.testing.result import Result
from executions.testing.script import Script, ScriptError
from executions.testing.shelf import Shelf
from executions.testing.simulation import Simulation, prepared
from executions.transitions import path

FORMAT = 1
Place = tuple[str, str, int]
"""A node's id, the branch that it ran in, and the how manieth of its runs there."""
ENDS = ("node.completed", "node.failed", "node.retrying", "node.lost", "node.cancelled")
PENDING = {"id": "pending", "type": "wait", "config": {"signal": "what it gave is told by the record"}}
COMPARED = ("type", "attempt", "nextNodeId", "handledBy")


def exported(execution_id: str) -> dict[str, Any]:
    """What a replay needs, as JSON; secrets are masked in it. Raises ``ExecutionNotFound``."""
    row = Execution.objects.select_related("version").filter(pk=execution_id).first()
    if row is None:
        raise ExecutionNotFound(execution_id)
    events = Event.objects.filter(execution=execution_id).order_by("seq")
    runs = NodeRun.objects.filter(execution=execution_id).order_by("index")
    words = (
        Command.objects.filter(execution=execution_id).exclude(handled_at=None).order_by("handled_at", "id")
    )
    return {
        "format": FORMAT,
        "executionId": row.id,
        "workflow": row.version.definition,
        "input": dict(row.input),
        "queuedAt": row.queued_at.isoformat(),
        "seconds": None if row.deadline_at is None else (row.deadline_at - row.queued_at).total_seconds(),
        "adopted": any(run.adopted_from for run in runs),
        "outputs": {str(run.index): run.output for run in runs},
        "events": [
            {"seq": each.seq, "type": each.type, "at": each.at.isoformat(), **each.data} for each in events
        ],
        "words": [
            {"kind": each.kind, "payload": each.payload, "by": each.actor, "at": str(each.handled_at)}
            for each in words
        ],
    }


def replayed(record: Mapping[str, Any]) -> Replay:
    if record.get("format") != FORMAT:
        raise ScriptError(f"this is no record of format {FORMAT}; make one with exported(execution_id)")
    if record["adopted"]:
        raise ScriptError("it went on from the results of another execution; replay that one")
    recording = Recording(record)
    simulation = recording.begun()
    simulation.run()
    return Replay(Result(simulation, record["executionId"], folder=".", update=False), record)


@dataclass
class Replay:
    """``result`` is what the rules make of it today; ``record`` what happened."""

    result: Result
    record: Mapping[str, Any]
    differences: str = field(init=False)
    """A diff of what happened in each run of a node; empty: the same."""

    def __post_init__(self) -> None:
        then, now = _told(self.record["events"]), _told(self.result.events)
        self.differences = "\n".join(difflib.unified_diff(then, now, "then", "now", lineterm="", n=1))

    def expect_same(self) -> Replay:
        if self.differences:
            told = f"{self.record['executionId']} would not happen so again:\n{self.differences}"
            raise AssertionError(f"{told}\n\n{self.result.story}")
        return self


class Recording:
    """The world around the execution: it does what it did, when it did."""

    def __init__(self, record: Mapping[str, Any]) -> None:
        self.record = record
        self.start = _moment(record["queuedAt"])
        self.attempts = _attempts(record["events"])
        self.outputs = record["outputs"]

    def begun(self) -> Simulation:
        record = self.record
        simulation = Simulation(Shelf(), Script(), start=self.start)
        limit = None if record["seconds"] is None else timedelta(seconds=record["seconds"])
        begun = prepared(
            simulation.shelf, record["workflow"], record["input"], record["executionId"], timeout=limit
        )
        simulation.executor = Player(simulation, self)
        simulation.store(begun)
        started = next(
            (_moment(e["at"]) for e in record["events"] if e["type"] == "workflow.started"), self.start
        )
        simulation.rows(begun.execution_id).available_at = started
        for word in record["words"]:
            simulation.timeline.call_at(_moment(word["at"]), _Word(simulation, begun.execution_id, word))
        for at, name, key, payload in _found_earlier(record):
            simulation.timeline.call_at(
                at, lambda n=name, k=key, p=payload: simulation.database.emit(n, p, k)
            )
        return simulation


@dataclass
class _Word:
    simulation: Simulation
    execution_id: str
    word: Mapping[str, Any]

    def __call__(self) -> None:
        database = self.simulation.database
        database.put(self.execution_id, self.word["kind"], dict(self.word["payload"]), self.word["by"])


class Player(SimulatedExecutor):
    """An executor whose attempts end as the record has it."""

    def __init__(self, simulation: Simulation, recording: Recording) -> None:
        plain = simulation.executor
        super().__init__(
            plain.id,
            simulation.timeline,
            simulation.database,
            simulation.shelf.definition,
            Script(),
            plain.random,
            plain.callee,
        )
        self.simulation, self.recording = simulation, recording

    def calling(self, driver: Driver, run: Run) -> Any:
        return Played(driver, run, self)


class Played:
    def __init__(self, driver: Driver, run: Run, player: Player) -> None:
        self.driver, self.run, self.player = driver, run, player
        self.over = False

    def start(self) -> None:
        """One that the record does not have never ends by itself."""
        recording = self.player.recording
        end = recording.attempts.get((*_place(self.driver, self.run), self.run.attempt))
        if end is not None and end["type"] != "node.cancelled":
            at = _moment(end["at"]) + timedelta(microseconds=end["seq"])
            self.player.simulation.timeline.call_at(at, lambda: self._end(self._outcome(end)))

    def stop(self, grace: float | None = None) -> None:
        self.player.loop.call_soon(self._end, Stopped())

    def abandon(self) -> None:
        self.over = True

    def flush(self) -> None:
        """What it told of its progress is not told again."""

    def _outcome(self, end: Mapping[str, Any]) -> Any:
        error = end.get("error") or {}
        match end["type"]:
            case "node.waiting":
                return self._called(end["reason"].rpartition(" ")[2])
            case "node.completed":
                return Completed(self.player.recording.outputs[end["runId"].rpartition(".")[2]])
            case "node.lost":
                return Lost(end["reason"])
            case "node.retrying":
                after = (end["retryAt"] - end["timestamp"]) / 1000
                asked = self.run.node.retry is None
                return Failed(error["name"], error["message"], asked_to_retry=asked, retry_after=after)
        return Failed(error["name"], error["message"], retryable=False)

    def _called(self, child: str) -> Called:
        """Another execution, whose end is among the words."""
        document = {
            "id": "called",
            "name": "called",
            "version": "1",
            "startNode": "pending",
            "nodes": [PENDING],
        }
        shelf, parent = self.player.simulation.shelf, self.driver.flow.execution_id
        begun = prepared(shelf, document, {}, child, parent=parent, parent_run=self.run.index)
        return Called(child, self.player.simulation.queued(begun))

    def _end(self, outcome: Any) -> None:
        if not self.over:
            self.over = True
            self.driver.ended(self.run.index, outcome)


def _place(driver: Driver, run: Run) -> Place:
    lane = path(run.frame)
    earlier = driver.flow.runs[: run.index]
    return run.node.id, lane, sum(each.node is run.node and path(each.frame) == lane for each in earlier)


def _attempts(events: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str, int, int], Mapping[str, Any]]:
    """The event that ends each attempt; of one that called another execution, that which says so."""
    places: dict[str, Place] = {}
    visits: Counter[tuple[str, str]] = Counter()
    found: dict[tuple[str, str, int, int], Mapping[str, Any]] = {}
    for event in events:
        run, type = event.get("runId"), event["type"]
        if run is None:
            continue
        if type == "node.started" and run not in places:
            lane = (event["nodeId"], event.get("path", ""))
            places[run] = (*lane, visits[lane])
            visits[lane] += 1
        is_call = type == "node.waiting" and "execution" in event.get("reason", "")
        if (type in ENDS or is_call) and run in places and event.get("attempt") is not None:
            found.setdefault((*places[run], event["attempt"]), event)
    return found


def _found_earlier(record: Mapping[str, Any]) -> Iterable[tuple[datetime, str, str, Any]]:
    """Events that a wait found when it looked back: no word of the inbox tells of them."""
    told = {word["payload"].get("run") for word in record["words"] if word["kind"] == "event"}
    for event in record["events"]:
        output = event.get("output")
        is_event = event["type"] == "node.completed" and isinstance(output, dict) and "eventId" in output
        if is_event and int(event["runId"].rpartition(".")[2]) not in told:
            yield _moment(event["at"]), output["name"], output["key"], output["payload"]


def _told(events: Iterable[Mapping[str, Any]]) -> list[str]:
    """A line for each thing that happened to each run of a node, run by run; then how it all ended."""
    runs: dict[str, list[str]] = defaultdict(list)
    names: dict[str, str] = {}
    visits: Counter[str] = Counter()
    last = ""
    for event in events:
        run, type = event.get("runId"), str(event["type"])
        if run is None:
            last = f"{type} {event.get('errorInfo', {}).get('name', '')}".strip()
        elif type != "node.progress":
            if run not in names:
                name = f"{event.get('path', '')}/{event['nodeId']}".lstrip("/")
                names[run] = f"{name}#{visits[name]}"
                visits[name] += 1
            told = [str(event[key]) for key in COMPARED if event.get(key) is not None]
            error = event.get("error")
            runs[names[run]].append(" ".join([names[run], *told, *([error["name"]] if error else [])]))
    return [*(line for name in sorted(runs) for line in runs[name]), last]


def _moment(told: str) -> datetime:
    return datetime.fromisoformat(told)
