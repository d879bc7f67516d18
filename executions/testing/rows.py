"""One execution's rows, in memory and strict: what the journal or the tables of moves refuse fails here."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import orjson

from executions.flow.advance import ADOPTED
from executions.states import EXECUTION_MOVES, NODE_MOVES, EventType, ExecutionStatus, Move, NodeStatus
from executions.transitions import Row, Transition

COLUMNS = {
    "reason": "wait_reason",
    "next": "next_node_id",
    "started": "started_at",
    "began": "attempt_at",
    "ended": "ended_at",
    "available": "available_at",
    "eseq": "ended_seq",
    "node": "node_id",
    "adopted": "adopted_from",
}
MOMENTS = {"started", "began", "ended", "available"}
CHANGING = {
    *("status", "reason", "attempt", "lost", "input", "output", "error", "next", "attempts", "spans"),
    *("started", "began", "ended", "available", "eseq", "awaits", "details"),
}
FIXED = {"node", "kind", "procedure", "previous", "scope", "branch", "adopted"}


@dataclass
class Rows:
    """One execution: its row, its node runs, its log. The names are the models'."""

    id: str = "x"
    status: ExecutionStatus = ExecutionStatus.QUEUED
    token: int = 1
    seq: int = 1
    held: bool = False
    wait_reason: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    available_at: datetime | None = None
    deadline_at: datetime | None = None
    leased_by: str | None = None
    inbox: int = 0
    """Words that were put into its inbox."""
    queue: str = "default"
    ending: Any = None
    result: Any = None
    error: Any = None
    created: Row = field(default_factory=dict)
    """What it was stored with."""
    runs: list[Any] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    moves: set[tuple[str, str]] = field(default_factory=set)
    """(event, source) of every move that was made."""
    untold: set[int] = field(default_factory=set)
    """Adopted runs: they stand already where the first event about them tells."""

    def __post_init__(self) -> None:
        if not self.created:
            self.events.append({"seq": 1, "type": EventType.WORKFLOW_QUEUED, "data": {}})

    @classmethod
    def stored(cls, made: Transition, now: datetime) -> Rows:
        """As a new execution is stored: waiting to be claimed, or begun with its first step."""
        row = orjson.loads(orjson.dumps(made.created))
        events = orjson.loads(orjson.dumps(made.events))
        rows = cls(row["id"], token=row["token"], created=row, queue=row["queue"] or "default")
        rows.events.append(events[0])
        if row.get("timeout") is not None:
            rows.deadline_at = now + timedelta(seconds=row["timeout"])
        if row.get("leased") is not None:
            rows._begin(row, made, events[1:])
        else:
            rows.available_at = now
            rows.adopt(made.runs)
            assert len(events) == 1, "it waits in the queue"
        return rows

    def _begin(self, row: Row, made: Transition, events: list[Row]) -> None:
        for run in made.runs:
            self._run(orjson.loads(orjson.dumps(run)))
        self._log(events, {}, ExecutionStatus(row["status"]))
        self.started_at, self.ended_at = _moment(row["started"]), _moment(row["ended"])
        self.result, self.error = row["result"], row["error"]
        self.leased_by = None if self.status.is_terminal else row["leased"]
        assert self.seq == row["seq"]

    @property
    def version(self) -> int:
        found: int = self.created["version"]
        return found

    @property
    def trace_id(self) -> str:
        return str(self.created["trace"])

    def adopt(self, rows: list[Row]) -> None:
        for row in rows:
            self._run(orjson.loads(orjson.dumps(row)))
            self.untold.add(row["i"])

    def write(self, made: Transition, now: datetime | None = None, *, again: bool = False) -> bool:
        """False: the guard refused. ``again``: runs that are there already are left as they are."""
        if (made.token, made.expected) != (self.token, self.seq):
            return False
        moved = orjson.loads(orjson.dumps(made.moved))
        assert not self.status.is_terminal, "nothing follows the end"
        assert moved["was"] == self.status
        before = {run.index: NodeStatus(run.status) for run in self.runs}
        for row in made.runs:
            if not (again and row["fresh"] and row["i"] < len(self.runs)):
                self._run(orjson.loads(orjson.dumps(row)))
        self._log(orjson.loads(orjson.dumps(made.events)), before, ExecutionStatus(moved["status"]))
        assert made.seq == self.seq == moved["seq"]
        self._moved(moved, now)
        return True

    def _moved(self, moved: Row, now: datetime | None) -> None:
        self.held, self.wait_reason = moved["held"], moved["reason"]
        self.started_at, self.ended_at = _moment(moved["started"]), _moment(moved["ended"])
        self.result, self.error, self.ending = moved["result"], moved["error"], moved["ending"]
        assert (self.ended_at is not None) == self.status.is_terminal
        self.queue = moved["queue"] or self.queue
        if moved["release"]:
            unread = self.inbox > moved["inbox"] and not self.status.is_terminal
            self.leased_by = None
            self.available_at = now if unread else _moment(moved["available"])

    def _run(self, row: Row) -> None:
        fresh, index = row.pop("fresh"), row.pop("i")
        assert row.pop("x")
        assert set(row) <= CHANGING | (FIXED if fresh else set()), "the statement has no such column"
        values = {COLUMNS.get(name, name): _value(name, value) for name, value in row.items()}
        if fresh:
            assert index == len(self.runs), "run numbers are dense"
            empty = {COLUMNS.get(name, name): None for name in CHANGING | FIXED}
            self.runs.append(SimpleNamespace(index=index, **empty | values))
        else:
            self.runs[index].__dict__.update(values)

    def _log(self, events: list[Row], before: dict[int, NodeStatus], status: ExecutionStatus) -> None:
        """Follow each event through the tables: together they must lead to where the rows stand."""
        statuses = {run.index: before.get(run.index, NodeStatus.PENDING) for run in self.runs}
        for event in events:
            assert event["seq"] == self.seq + 1, "the log is dense"
            self.seq += 1
            self.events.append(event)
            type = EventType(event["type"])
            if "runId" not in event["data"]:
                self.status = ExecutionStatus(self._move(EXECUTION_MOVES, type, self.status))
            elif type is not EventType.NODE_PROGRESS:
                index = int(event["data"]["runId"].rpartition(".")[2])
                statuses[index] = self._after(index, type, statuses[index])
        assert self.status == status, "the events tell the execution's move"
        assert {run.index: run.status for run in self.runs} == statuses, "the events tell the runs' moves"

    def _after(self, index: int, type: EventType, status: NodeStatus) -> NodeStatus:
        if index in self.untold and type is ADOPTED[status]:
            self.untold.discard(index)
            return status
        return NodeStatus(self._move(NODE_MOVES, type, status))

    def _move(self, table: dict[str, Move], event: EventType, status: Any) -> Any:
        legal = [move for move in table.values() if move.event is event and status in move.sources]
        assert legal, f"{event} from {status} is no move"
        assert not status.is_terminal, "terminal is final"
        self.moves.add((event, status))
        return legal[0].target


def _value(name: str, value: Any) -> Any:
    return _moment(value) if name in MOMENTS else value


def _moment(epoch: float | None) -> datetime | None:
    return None if epoch is None else datetime.fromtimestamp(epoch, UTC)
