"""What executors share, in memory: executions, their inboxes, the letters between them, what was emitted.

It does what the statements of the claim, the journal and the courier do, one at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any

import orjson

from executions.flow.plan import Word
from executions.moments import iso
from executions.testing.rows import Rows
from executions.transitions import Row, Transition
from executions.vault.known import Secrets


@dataclass(slots=True)
class Command:
    """A word in an execution's inbox."""

    id: int
    execution_id: str
    kind: str
    payload: dict[str, Any]
    actor: str
    outcome: str = ""
    """How it was handled; empty: it was not."""

    @property
    def word(self) -> Word:
        return Word(self.id, self.kind, orjson.loads(orjson.dumps(self.payload)), self.actor)


@dataclass(slots=True)
class Emission:
    id: int
    name: str
    key: str
    payload: Any
    at: datetime


@dataclass
class Database:
    """``told`` is called with an execution's id after anything about it was committed."""

    now: Callable[[], datetime]
    executions: dict[str, Rows] = field(default_factory=dict)
    commands: list[Command] = field(default_factory=list)
    letters: list[Row] = field(default_factory=list)
    emissions: list[Emission] = field(default_factory=list)
    secrets: dict[str, Secrets] = field(default_factory=dict)
    """What each execution knows to be secret: in memory nothing is sealed, so rows do not tell."""
    told: list[Callable[[str], None]] = field(default_factory=list)
    _numbers: count[int] = field(default_factory=lambda: count(1))

    # What is written

    def create(self, made: Transition) -> bool:
        """False: the id is taken."""
        if made.execution_id in self.executions:
            return False
        self.executions[made.execution_id] = Rows.stored(made, self.now())
        self._sent(made)
        self._tell(made.execution_id)
        return True

    def write(self, made: Transition, *, again: bool = False) -> bool:
        """A transition, with all that goes with it. False: the guard refused.

        ``again``: it may be written already, and that the answer was lost.
        """
        rows = self.executions.get(made.execution_id)
        if rows is None or not rows.write(made, self.now(), again=again):
            return False
        self._sent(made)
        self._tell(made.execution_id)
        return True

    def _sent(self, made: Transition) -> None:
        """What goes with the transition to others, and what came from them."""
        for child in made.children:
            self.create(child)
        for row in orjson.loads(orjson.dumps(made.commands)):
            self._handled(row)
        self.letters += orjson.loads(orjson.dumps(made.letters))

    def put(self, execution_id: str, kind: str, payload: dict[str, Any], actor: str = "") -> None:
        """A word for an execution that has not ended."""
        rows = self.executions.get(execution_id)
        if rows is None or rows.status.is_terminal:
            return
        self.commands.append(Command(next(self._numbers), execution_id, kind, payload, actor))
        rows.inbox += 1
        if rows.leased_by is None:
            rows.available_at = self.now()
        self._tell(execution_id)

    def emit(self, name: str, payload: Any, key: str) -> None:
        """It is told to every run that waits for it."""
        made = Emission(next(self._numbers), name, key, payload, self.now())
        self.emissions.append(made)
        for rows in list(self.executions.values()):
            for run in rows.runs:
                if run.status == "waiting" and run.awaits == f"event:{name}:{key}":
                    self.put(rows.id, "event", _occurrence(run.index, made))

    def earlier(self, listening: Iterable[Row]) -> list[Word]:
        """What was emitted before a run began to wait for it: ``{run, name, key, after, since}`` of each."""
        found = []
        for asked in listening:
            for made in self.emissions:
                fits = (made.name, made.key) == (asked["name"], asked["key"]) and made.id > asked["after"]
                if fits and made.at.timestamp() >= asked["since"]:
                    found.append(Word(0, "event", _occurrence(asked["run"], made)))
                    break
        return found

    def deliver(self, most: int | None = None) -> bool:
        """Letters to inboxes, as the courier does. True: there were some."""
        sent = self.letters[:most]
        del self.letters[:most]
        for letter in sent:
            self.put(letter["recipient"], letter["kind"], letter["payload"])
        return bool(sent)

    # What is claimed

    def due(self, serves: Callable[[str], bool] = lambda queue: True) -> list[str]:
        """What may be claimed now from these queues, the longest due first."""
        ready = [(at, rows.id) for at, rows in self._parked() if at <= self.now() and serves(rows.queue)]
        return [execution_id for _, execution_id in sorted(ready)]

    def next_due(self) -> datetime | None:
        return min((at for at, _ in self._parked()), default=None)

    def claim(self, execution_id: str, executor: str) -> Rows:
        rows = self.executions[execution_id]
        rows.leased_by, rows.available_at = executor, None
        rows.token += 1
        return rows

    def release(self, executor: str) -> None:
        """What a dead executor held may be claimed; what it still writes is refused."""
        for rows in self.executions.values():
            if rows.leased_by == executor:
                rows.leased_by, rows.available_at = None, self.now()
                rows.token += 1

    def put_off(self, execution_id: str, token: int, until: datetime) -> None:
        rows = self.executions[execution_id]
        if rows.token == token:
            rows.leased_by, rows.available_at = None, until
            rows.token += 1

    def words(self, execution_id: str) -> list[Word]:
        """What waits in its inbox."""
        return [
            command.word
            for command in self.commands
            if command.execution_id == execution_id and not command.outcome
        ]

    def _parked(self) -> Iterable[tuple[datetime, Rows]]:
        for rows in self.executions.values():
            if rows.leased_by is None and rows.available_at is not None and not rows.status.is_terminal:
                yield rows.available_at, rows

    def _handled(self, row: Row) -> None:
        for command in self.commands:
            if command.id == row["id"]:
                command.outcome = row["outcome"]

    def _tell(self, execution_id: str) -> None:
        for listener in self.told:
            listener(execution_id)


def _occurrence(run: int, made: Emission) -> dict[str, Any]:
    """An emission as the run that waits for it hears it."""
    told = {"eventId": made.id, "name": made.name, "key": made.key, "payload": made.payload}
    return {"run": run, **told, "at": iso(made.at)}
