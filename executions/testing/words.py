"""What a test has said that comes from outside: signals, decisions, events, commands, each at its moment."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from executions.flow.kinds.wait import misfits
from executions.states import EventType
from executions.testing.script import ScriptError
from executions.testing.simulation import Simulation


@dataclass(slots=True)
class Word:
    """``when``: the node whose start it follows; ``always``: each time."""

    kind: str
    payload: dict[str, Any]
    by: str = ""
    when: str | None = None
    after: timedelta = timedelta()
    index: int | None = None
    always: bool = False

    def is_about(self, started: dict[str, Any]) -> bool:
        """Whether it follows this start of a node: for an item, the innermost branch of its path."""
        if self.when != started["nodeId"]:
            return False
        return self.index is None or str(started.get("path", "")).rpartition("/")[2] == str(self.index)


@dataclass
class Sayings:
    words: list[Word] = field(default_factory=list)

    def add(self, word: Word) -> None:
        self.words.append(word)

    def say_at_once(self, simulation: Simulation, execution_id: str) -> None:
        """What waits for no node; what a node waits for already."""
        for word in list(self.words):
            if word.when is None:
                self.words.remove(word)
                self._later(simulation, execution_id, word, None)
            else:
                self._say_to_waiting(simulation, word)

    def watch(self, simulation: Simulation, execution_id: str, event: dict[str, Any]) -> None:
        if event["type"] != EventType.NODE_STARTED:
            return
        index = int(event["data"]["runId"].rpartition(".")[2])
        told = [word for word in self.words if word.is_about(event["data"])]
        for word in told:
            if not word.always:
                self.words.remove(word)
                self._later(simulation, execution_id, word, index)
        decisions = [word for word in told if word.always]
        if decisions:  # what was said last counts
            self._later(simulation, execution_id, decisions[-1], index)

    def require_known(self, nodes: Iterable[str]) -> None:
        known = sorted(nodes)
        for word in self.words:
            if word.when is not None and word.when not in known:
                nearest = difflib.get_close_matches(word.when, known, n=1)
                hint = f"; did you mean {nearest[0]}?" if nearest else ""
                raise ScriptError(f"c4c: a {word.kind} is to follow {word.when!r}, which is no node{hint}")

    def _say_to_waiting(self, simulation: Simulation, word: Word) -> None:
        for rows in list(simulation.database.executions.values()):
            for run in rows.runs:
                if run.node_id == word.when and run.status in ("running", "waiting") and word in self.words:
                    if not word.always:
                        self.words.remove(word)
                    self._later(simulation, rows.id, word, run.index)

    def _later(self, simulation: Simulation, execution_id: str, word: Word, run: int | None) -> None:
        seconds = word.after.total_seconds()
        simulation.timeline.call_later(seconds, _say, simulation, execution_id, word, run)


def _say(simulation: Simulation, execution_id: str, word: Word, run: int | None) -> None:
    if word.kind == "emit":
        simulation.database.emit(word.payload["name"], word.payload["payload"], word.payload["key"])
    elif word.kind == "decide":
        approval = simulation.database.executions[execution_id].runs[run or 0].input or {}
        payload = {**word.payload, "run": run}
        simulation.database.put(execution_id, word.kind, payload, _decider(word, approval))
    else:
        simulation.database.put(execution_id, word.kind, word.payload, word.by)


def _decider(word: Word, approval: dict[str, Any]) -> str:
    """Who decides; raises ``ScriptError`` where nobody could. Who is in a group, only the database knows."""
    users, groups = approval.get("users") or [], approval.get("groups") or []
    if word.by and users and not groups and word.by not in users:
        raise ScriptError(f"c4c: {word.when!r} asks {', '.join(users)}, so {word.by!r} cannot decide it")
    found = misfits(approval, word.payload["payload"]) if word.payload["decision"] == "approved" else []
    if found:
        raise ScriptError(f"c4c: what approves {word.when!r} does not fit its form: {found[0]}")
    return word.by or next(iter(users), "somebody")
