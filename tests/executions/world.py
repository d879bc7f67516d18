"""An executor without threads, database or clock: drives one flow through a fake journal, and may die."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any

from executions import transitions
from executions.flow import advance
from executions.flow.outcomes import Called, Completed, Failed, Lost, Outcome, Stopped
from executions.flow.plan import Plan, Word
from executions.flow.restore import restore
from executions.flow.state import Ending, Flow, Run
from executions.states import ExecutionStatus, NodeStatus
from executions.testing.rows import Rows
from executions.transitions import Lease, Transition, path
from tests.executions.graphs import Place, Story, place_of
from tests.executions.invariants import check_log, check_undone, told
from tests.executions.reference import child_id, child_outputs

Item = Callable[[Plan], Any]
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
CANCEL = {"reason": "enough"}
FOR_RUNS = ("signal", "decide", "event", "child")
LAST_ATTEMPTS = 1_000_000
"""So many attempts may be lost that none is ever too many."""


class World:
    """``at`` is the time, in microseconds. ``launched``: the attempts in flight, and when each will end.

    ``coming``: what runs wait for from outside, and when it will be there; it outlives any executor, and so
    does ``inbox``: the words that have come and are not handled.
    """

    def __init__(self, story: Story, rows: Rows | None = None, *, most_lost: int = LAST_ATTEMPTS) -> None:
        self.story, self.most_lost = story, most_lost
        self.rows = rows or Rows()
        self.at = 0
        self.random = Random(story.seed)
        self.launched: dict[int, int] = {}
        self.stopping: set[int] = set()
        self.left: list[Item] = []
        self.coming: dict[int, tuple[int, str, dict[str, Any]]] = {}
        self.inbox: dict[int, Word] = {}
        self.words = count(1)
        self.children: dict[str, int] = {}
        """The executions that it has started and that have not ended, and the runs that wait for them."""
        self.told_children: list[tuple[str, dict[str, Any]]] = []
        self.cancelled = False
        self.deadline: datetime | None = None
        self.handled: set[int] = set()
        self.flow = self.restored()

    # What an executor does

    @property
    def now(self) -> datetime:
        return EPOCH + timedelta(microseconds=self.at)

    @property
    def is_over(self) -> bool:
        return self.rows.status.is_terminal

    def take_up(self) -> None:
        """Claim it: what the last holder knew beside the rows is gone, and the inbox is read again."""
        self.rows.token += 1
        self.launched, self.stopping, self.left = {}, set(), []
        self.flow = self.restored()
        lost = Lost("its executor went away")
        words = [self.heard(word) for word in self.inbox.values()]

        def go_on(plan: Plan) -> None:
            advance.take_up(self.flow, plan, self.deadline, lost, self.most_lost)

        has_begun = self.flow.started_at is not None
        self.step(*([go_on, *words] if has_begun else [*words, go_on]))

    def step(self, *items: Item, crash: str = "") -> None:
        """One transition. ``crash``: "before" it is committed, or "after" it, before anything is done."""
        plan, was = Plan(self.now), self.flow.status
        items, self.left = (*self.left, *items), []
        self.handled = set()
        for item in items:
            item(plan)
        more = advance.settle(self.flow, plan)
        made = transitions.build(self.flow, plan, Lease(self.rows.token), was)
        if crash != "before":
            assert self.rows.write(made)
            self.committed(plan, made)
            self.check_restored()
        if crash:
            if not self.is_over:
                self.take_up()
            return
        self.act(plan)
        if more:
            self.left.append(lambda later: later.carry_on(plan))

    def committed(self, plan: Plan, made: Transition) -> None:
        """What the world does now that it knows, whoever drives the execution from here."""
        for id in {*self.handled, *(command["id"] for command in made.commands)}:
            self.inbox.pop(id, None)
        for index in sorted(plan.touched):
            run = self.flow.runs[index]
            if run.status is NodeStatus.WAITING and run.awaits and index not in self.coming:
                self.expect(run)
            elif run.status.is_terminal and self.coming.get(index, (0, ""))[1] == "signal":
                del self.coming[index]  # who says it sees that nobody waits for it any more
        for letter in made.letters:
            self.deliver(letter["recipient"], letter["payload"])

    def act(self, plan: Plan) -> None:
        for run in plan.launch:
            if run.is_in_flight:
                assert run.index not in self.launched
                self.launched[run.index] = self.at + self.story.microseconds(self.place(run), run.tries)
        for run in plan.stop:
            if run.is_in_flight:
                assert run.index in self.launched
                self.stopping.add(run.index)

    def place(self, run: Run) -> Place:
        return place_of(self.flow.runs, run)

    def end(self, index: int, outcome: Outcome | None = None) -> Item:
        """The end of an attempt in flight, as the story has it."""
        del self.launched[index]
        self.stopping.discard(index)
        run = self.flow.runs[index]
        found = outcome or self.outcome(run)
        return lambda plan: advance.ended(self.flow, plan, run, found, self.random)

    def outcome(self, run: Run) -> Outcome:
        if run.node.kind == "subworkflow":
            child = child_id(self.place(run), run.tries)
            return Called(child, Transition(child, 0, 0, 1, created={"id": child}))
        behaviour = self.story.behaviour(run.node.id, path(run.frame))
        if run.tries >= behaviour.fails:
            return Completed(run.arguments["output"])
        if behaviour.how == "Retry":
            return Failed("Retry", "not yet", asked_to_retry=True, retry_after=behaviour.after)
        return Failed(behaviour.how, "as told", retryable=behaviour.how != "Fatal", stack="somewhere")

    # What comes from outside

    def expect(self, run: Run) -> None:
        """The run has begun to wait: what for comes when the story says so, or never."""
        place, kind = self.place(run), run.awaits.partition(":")[0]
        if kind == "child":
            after, status = self.story.child(place, run.tries)
            child = run.awaits.partition(":")[2]
            self.children[child] = run.index
            outputs = child_outputs(place) if status == "completed" else {}
            self.coming[run.index] = self.at + after, "child", ended_child(run.index, child, status, outputs)
            return
        due = self.story.word_after(place)
        if due is not None:
            self.coming[run.index] = self.at + due, *self.said(run, place, kind)

    def said(self, run: Run, place: Place, kind: str) -> tuple[str, dict[str, Any]]:
        payload = {"for": run.node.id}
        if kind == "signal":
            return "signal", {"name": run.awaits.partition(":")[2], "payload": payload}
        if kind == "event":
            _, name, key = run.awaits.split(":", 2)
            told = {"name": name, "key": key, "payload": payload, "at": "then"}
            return "event", {"run": run.index, **told}
        decision = "refused" if self.story.is_refused(place) else "approved"
        return "decide", {"run": run.index, "decision": decision, "comment": "fine", "payload": payload}

    def deliver(self, child: str, payload: dict[str, Any]) -> None:
        """The other execution is told to stop, and does."""
        index = self.children.get(child)
        self.told_children.append((child, payload))
        if index is not None:
            self.coming[index] = self.at, "child", ended_child(index, child, "cancelled", {})

    def comes(self, index: int) -> Item:
        """What the run waits for is there."""
        _, kind, payload = self.coming.pop(index)
        if kind == "child":
            del self.children[payload["executionId"]]
        elif kind == "event":
            payload["eventId"] = next(self.words)
        return self.put(kind, payload)

    def put(self, kind: str, payload: dict[str, Any]) -> Item:
        word = Word(next(self.words), kind, payload, "ann")
        self.inbox[word.id] = word
        return self.heard(word)

    def heard(self, word: Word) -> Item:
        def hear(plan: Plan) -> None:
            if word.kind not in FOR_RUNS:
                self._obey(plan, word.kind, word.payload)
                taken: bool | None = True
            else:
                taken = advance.hear(self.flow, plan, word, self.random)
            if taken is not None:
                self.handled.add(word.id)

        return hear

    def signals(self) -> list[Item]:
        """Those that come before anything waits for them."""
        names = [name for name, times in sorted(self.story.early.items()) for _ in range(times)]
        return [self.put("signal", {"name": f"s_{name}", "payload": {"for": name}}) for name in names]

    def command(self, kind: str, **payload: Any) -> None:
        """Nobody reads the inbox of an execution that has ended."""
        if not self.is_over:
            self.step(lambda plan: self._obey(plan, kind, payload))

    def _obey(self, plan: Plan, kind: str, payload: dict[str, Any]) -> None:
        was_ending = self.flow.ending is not None
        if advance.obey(self.flow, plan, kind, payload, "somebody") and kind == "cancel" and not was_ending:
            self.cancelled = True

    def due(self) -> int | None:
        """When the next run is due."""
        moments = [run.available_at for run in self.flow.timed_runs() if run.available_at is not None]
        return (min(moments) - EPOCH) // timedelta(microseconds=1) if moments else None

    def pass_time(self) -> Item:
        return lambda plan: advance.due(self.flow, plan)

    # The clock runs

    def run_timed(self) -> None:
        """Everything happens when it is time, one by one; who is told to stop does so at once."""
        self.signals()
        self.take_up()
        while not self.is_over:
            if self.left:
                self.step()
            elif self.stopping:
                self.step(*[self.end(index, Stopped()) for index in sorted(self.stopping)])
            else:
                self._next_thing()

    def _next_thing(self) -> None:
        ends = [(at, 1, index) for index, at in self.launched.items()]
        comes = [(word[0], 2, index) for index, word in self.coming.items()]
        due = self.due()
        times = [] if due is None else [(due, 0, 0)]
        assert ends or comes or times, "nothing is left to happen, and it has not ended"
        at, what, index = min([*ends, *comes, *times])
        self.at = max(self.at, at)
        self.step([self.pass_time, lambda: self.end(index), lambda: self.comes(index)][what]())

    # What a restored flow must be

    def restored(self) -> Flow:
        rows, story = self.rows, self.story
        flow = restore(story.definition, "x", story.input, rows.runs, stored_ending(rows.ending))
        flow.status, flow.seq, flow.started_at = rows.status, rows.seq, rows.started_at
        flow.held, flow.wait_reason = rows.held, rows.wait_reason
        return flow

    def check(self) -> None:
        """What holds of it once it has ended, however it came to that."""
        check_log(self.rows)
        check_undone(self.rows, self.story.definition)

    def check_restored(self) -> None:
        """At every step: what the rows say is what the flow knows."""
        if not self.is_over:
            assert told(self.restored()) == told(self.flow)


def stored_ending(stored: dict[str, Any] | None) -> Ending | None:
    return None if stored is None else Ending(**{**stored, "status": ExecutionStatus(stored["status"])})


def ended_child(run: int, child: str, status: str, outputs: dict[str, Any]) -> dict[str, Any]:
    error = None if status == "completed" else {"name": "Boom", "message": "as told"}
    return {"run": run, "executionId": child, "status": status, "outputs": outputs, "error": error}
