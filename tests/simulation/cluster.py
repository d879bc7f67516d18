"""Several executors, one database, one clock, and the people and systems around them, in one thread."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

from executions import intake
from executions.executor.driving.driver import Driver
from executions.flow.state import Run
from executions.moments import ms
from executions.testing.database import Database
from executions.testing.rows import Rows
from executions.testing.shelf import Shelf
from executions.testing.simulation import START, called, prepared
from executions.testing.timeline import Timeline
from executions.transitions import Transition
from tests.executions.graphs import Place, Story
from tests.executions.invariants import check_log, check_undone
from tests.simulation.member import GIVE_BACK, QUICK, Member
from tests.simulation.weather import Weather
from workflows.definition import dump

MEMBERS = 3
MOST_STEPS = 1_000_000
BEGINNING = 1.0
"""Seconds until which executions may begin."""
LONGEST = 3600.0
"""Seconds after which what has not ended hangs."""


class Cluster:
    """``stories``: by the ids of their definitions. ``notes``: what happened, for who looks at a seed."""

    def __init__(self, stories: list[Story], random: Random, weather: Weather) -> None:
        self.random, self.weather = random, weather
        self.stories = {story.definition.id: story for story in stories}
        self.timeline = Timeline(START)
        self.database = Database(self.timeline.now)
        self.shelf = Shelf()
        for story in stories:
            self.shelf.put(dump(story.definition))
        self.leases: dict[str, float] = {}
        self.expelled: list[str] = []
        self.notes: list[str] = []
        self._seen: dict[str, int] = {}
        self._ids = 0
        self.members = [Member(self, number) for number in range(MEMBERS)]
        self.database.told.append(self._told)

    # Executions

    def start(self, story: Story, timeout: float | None = None, *, begin: bool = False) -> str:
        """``begin``: with the commit that stores it, if it comes to that."""
        limit = None if timeout is None else timedelta(seconds=timeout)
        begun = prepared(self.shelf, story.definition.id, story.input, self.new_id(), timeout=limit)
        if begin:
            self.random.choice(self.members[:2]).begin(begun)
        else:
            self.database.create(intake.queued(begun, self.timeline.now()))
        for name, times in sorted(story.early.items()):
            payload = {"name": f"s_{name}", "payload": {"for": name}}
            for _ in range(times):
                self.later(
                    self.weather.span(5.0), self.database.put, begun.execution_id, "signal", payload, "ann"
                )
        return begun.execution_id

    def called(self, driver: Driver, run: Run) -> Transition:
        return intake.queued(called(self.shelf, driver, run, self.new_id()), self.timeline.now())

    def new_id(self) -> str:
        self._ids += 1
        return f"wf_exec_{ms(self.timeline.now())}_{self._ids:09}"

    def later(self, seconds: float, callback: Any, *values: Any) -> None:
        self.timeline.call_later(seconds, callback, *values)

    # Time passes

    def run(self) -> None:
        """Until every execution has ended, and every letter has come."""
        for _ in range(MOST_STEPS):
            if self.is_over():
                return
            assert self.timeline.time() < LONGEST, self.standing()
            self.timeline.step()
        raise AssertionError(f"it goes on for ever; {self.standing()}")

    def is_over(self) -> bool:
        rows = self.database.executions.values()
        has_begun = self.timeline.time() > BEGINNING
        return has_begun and not self.database.letters and all(each.status.is_terminal for each in rows)

    def meddle(self, execution_id: str) -> None:
        """Somebody does something to it, at some moment."""
        moment = self.weather.span(self.weather.until / 2)
        match self.random.choice(["cancel", "cancel", "force", "pause", "pause"]):
            case "pause":
                self.later(moment, self.database.put, execution_id, "pause", {}, "ann")
                resumed = moment + self.weather.span(20.0)
                self.later(resumed, self.database.put, execution_id, "resume", {}, "ann")
            case kind:
                payload = {"reason": "enough", "force": kind == "force"}
                self.later(moment, self.database.put, execution_id, "cancel", payload, "ann")

    def reap(self) -> None:
        """What is held by nobody who has been heard of is free."""
        now = self.timeline.time()
        self.leases = {executor: until for executor, until in self.leases.items() if until >= now}
        held = {rows.leased_by for rows in self.database.executions.values()}
        for executor in sorted(one for one in held if one is not None and one not in self.leases):
            self.note(f"{executor}: its lease is over")
            self.database.release(executor)

    # What is around

    def _told(self, execution_id: str) -> None:
        rows = self.database.executions[execution_id]
        seen, self._seen[execution_id] = self._seen.get(execution_id, 0), len(rows.events)
        for event in rows.events[seen:]:
            self.note(f"{execution_id} {event['seq']} {event['type']} {event['data'].get('nodeId', '')}")
            if event["type"] == "node.waiting":
                self._expect(rows, rows.runs[int(event["data"]["runId"].rpartition(".")[2])])
        for member in self.members:
            if execution_id in member.drivers and not self.weather.happens(
                self.weather.deaf, self.timeline.time()
            ):
                member.loop.call_soon(member.look, execution_id)

    def _expect(self, rows: Rows, run: Any) -> None:
        """What it waits for comes after a while, as the story has it."""
        story = self.stories[rows.created["workflow"]]
        kind, _, name = (run.awaits or "").partition(":")
        place = place_of_row(rows, run)
        after = story.word_after(place)
        if kind not in ("signal", "event", "approval") or after is None:
            return
        payload: dict[str, Any] = {"for": run.node_id}
        seconds = after / QUICK / 1e6
        match kind:
            case "signal":
                self.later(seconds, self._signal, rows, run, name, payload)
            case "event":
                name, _, key = name.partition(":")
                self.later(seconds, self.database.emit, name, payload, key)
            case _:
                decision = "refused" if story.is_refused(place) else "approved"
                told = {"run": run.index, "decision": decision, "comment": "fine", "payload": payload}
                self.later(seconds, self.database.put, rows.id, "decide", told, "ann")

    def _signal(self, rows: Rows, run: Any, name: str, payload: dict[str, Any]) -> None:
        if run.status == "waiting":
            self.database.put(rows.id, "signal", {"name": name, "payload": payload}, "ann")

    # What must hold

    def require_committed(self, driver: Driver, run: Run) -> None:
        """Nothing of a step is acted upon before it is committed."""
        rows = self.database.executions[driver.flow.execution_id]
        if rows.token == driver.lease.token:
            assert rows.runs[run.index].status == "running"
            assert rows.runs[run.index].attempt == run.attempt

    def check(self) -> None:
        for rows in self.database.executions.values():
            definition = self.shelf.definition(rows.version)
            words = [word for word in self.database.commands if word.execution_id == rows.id]
            queues = {node.queue for node in definition.nodes.values()}
            check_log(rows, in_order=queues == {""})
            check_undone(rows, definition, force=any(word.payload.get("force") for word in words))
            parent = rows.created["parent"]
            assert parent is None or parent in self.database.executions
        self.check_let_go()

    def check_let_go(self) -> None:
        """Nobody holds what has ended, once all that is under way has come to its end."""
        until = self.timeline.time() + 2 * GIVE_BACK
        while self.timeline.time() < until:
            self.timeline.step()
        held = [execution_id for member in self.members for execution_id in member.drivers]
        assert held == [], "what has ended is held"

    def standing(self) -> str:
        open_ones = [rows for rows in self.database.executions.values() if not rows.status.is_terminal]
        told = [
            f"{rows.id} {rows.status} {rows.wait_reason} leased by {rows.leased_by}" for rows in open_ones
        ]
        return "\n".join(["these do not end:", *told])

    def note(self, what: str) -> None:
        self.notes.append(f"{self.timeline.time():10.4f}  {what}")


def place_of_row(rows: Rows, run: Any) -> Place:
    lane = _lane(rows, run)
    earlier = (each for each in rows.runs[: run.index] if each.node_id == run.node_id)
    return Place(run.node_id, lane, sum(_lane(rows, each) == lane for each in earlier))


def _lane(rows: Rows, run: Any) -> str:
    parts: list[str] = []
    while run.scope is not None:
        parts.append(f"{rows.runs[run.scope].node_id}/{run.branch}")
        run = rows.runs[run.scope]
    return "/".join(reversed(parts))
