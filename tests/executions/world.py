"""An executor without threads, database or clock: drives one flow through a fake journal, and may die."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from executions import transitions
from executions.flow import advance
from executions.flow.outcomes import Completed, Failed, Lost, Outcome, Stopped
from executions.flow.plan import Plan
from executions.flow.restore import restore
from executions.flow.state import Ending, Flow, Frame, Run, Scope
from executions.states import EventType, ExecutionStatus
from executions.transitions import Lease
from tests.executions.graphs import Story
from tests.executions.rows import Rows

Item = Callable[[Plan], Any]
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
CANCEL = {"reason": "enough"}
LAST_ATTEMPTS = 1_000_000
"""So many attempts may be lost that none is ever too many."""


class World:
    """``at`` is the time, in microseconds. ``launched``: the attempts in flight, and when each will end."""

    def __init__(self, story: Story, rows: Rows | None = None, *, most_lost: int = LAST_ATTEMPTS) -> None:
        self.story, self.most_lost = story, most_lost
        self.rows = rows or Rows()
        self.at = 0
        self.random = Random(story.seed)
        self.launched: dict[int, int] = {}
        self.stopping: set[int] = set()
        self.left: list[Item] = []
        self.cancelled = False
        self.deadline: datetime | None = None
        self.flow = self.restored()

    # What an executor does

    @property
    def now(self) -> datetime:
        return EPOCH + timedelta(microseconds=self.at)

    @property
    def is_over(self) -> bool:
        return self.rows.status.is_terminal

    def take_up(self) -> None:
        """Claim it: what the last holder knew beside the rows is gone."""
        self.rows.token += 1
        self.launched, self.stopping, self.left = {}, set(), []
        self.flow = self.restored()
        lost = Lost("its executor went away")
        self.step(lambda plan: advance.take_up(self.flow, plan, self.deadline, lost, self.most_lost))

    def step(self, *items: Item, crash: str = "") -> None:
        """One transition. ``crash``: "before" it is committed, or "after" it, before anything is done."""
        plan, was = Plan(self.now), self.flow.status
        items, self.left = (*self.left, *items), []
        for item in items:
            item(plan)
        more = advance.settle(self.flow, plan)
        made = transitions.build(self.flow, plan, Lease(self.rows.token), was)
        if crash != "before":
            assert self.rows.write(made)
            self.check_restored()
        if crash:
            if not self.is_over:
                self.take_up()
            return
        self.act(plan)
        if more:
            self.left.append(lambda later: later.agenda.extend(plan.agenda))

    def act(self, plan: Plan) -> None:
        for run in plan.launch:
            if run.is_in_flight:
                assert run.index not in self.launched
                node_id = run.node.id
                visit = sum(other.node.id == node_id for other in self.flow.runs[: run.index])
                self.launched[run.index] = self.at + self.story.microseconds(node_id, visit, run.tries)
        for run in plan.stop:
            if run.is_in_flight:
                assert run.index in self.launched
                self.stopping.add(run.index)

    def end(self, index: int, outcome: Outcome | None = None) -> Item:
        """The end of an attempt in flight, as the story has it."""
        del self.launched[index]
        self.stopping.discard(index)
        run = self.flow.runs[index]
        found = outcome or self.outcome(run)
        return lambda plan: advance.ended(self.flow, plan, run, found, self.random)

    def outcome(self, run: Run) -> Outcome:
        behaviour = self.story.behaviour(run.node.id)
        if run.tries >= behaviour.fails:
            return Completed(run.arguments["output"])
        if behaviour.how == "Retry":
            return Failed("Retry", "not yet", asked_to_retry=True, retry_after=behaviour.after)
        return Failed(behaviour.how, "as told", retryable=behaviour.how != "Fatal", stack="somewhere")

    def command(self, kind: str, **payload: Any) -> None:
        """Nobody reads the inbox of an execution that has ended."""
        if not self.is_over:
            self.step(lambda plan: self._obey(plan, kind, payload))

    def _obey(self, plan: Plan, kind: str, payload: dict[str, Any]) -> None:
        if advance.obey(self.flow, plan, kind, payload, "somebody") and kind == "cancel":
            self.cancelled = True

    def due(self) -> int | None:
        """When the next run is due."""
        moments = [run.available_at for run in self.flow.live_runs() if run.available_at is not None]
        return (min(moments) - EPOCH) // timedelta(microseconds=1) if moments else None

    def pass_time(self) -> Item:
        return lambda plan: advance.due(self.flow, plan)

    # The clock runs

    def run_timed(self) -> None:
        """Everything happens when it is time, one by one; who is told to stop does so at once."""
        self.take_up()
        while not self.is_over:
            if self.left:
                self.step()
            elif self.stopping:
                self.step(*[self.end(index, Stopped()) for index in sorted(self.stopping)])
            else:
                self._next_thing()

    def _next_thing(self) -> None:
        ends = min(((at, index) for index, at in self.launched.items()), default=None)
        due = self.due()
        assert ends or due is not None, "nothing is left to happen, and it has not ended"
        if due is None or (ends and ends[0] < due):
            assert ends is not None
            self.at = ends[0]
            self.step(self.end(ends[1]))
        else:
            self.at = due
            self.step(self.pass_time())

    # What a restored flow must be

    def restored(self) -> Flow:
        ending = Ending(ExecutionStatus.CANCELLED, reason="enough", by="somebody")
        is_ending = self.rows.status is ExecutionStatus.CANCELLING
        story = self.story
        flow = restore(story.definition, "x", story.input, self.rows.runs, ending if is_ending else None)
        flow.status, flow.seq, flow.started_at = self.rows.status, self.rows.seq, self.rows.started_at
        flow.held, flow.wait_reason = self.rows.held, self.rows.wait_reason
        return flow

    def check_restored(self) -> None:
        """At every step: what the rows say is what the flow knows."""
        flow = self.flow
        if self.is_over or (flow.ending and flow.status is not ExecutionStatus.CANCELLING):
            return
        again = self.restored()
        assert told(again) == told(flow)


def told(flow: Flow) -> dict[str, Any]:
    """All of a flow that the rules look at."""
    return {
        "status": flow.status,
        "seq": flow.seq,
        "held": flow.held,
        "nodes": flow.nodes,
        "unstarted": sorted(flow.unstarted),
        "runs": [_run(run) for run in flow.runs],
        "lines": list(_lines(flow)),
    }


def _run(run: Run) -> dict[str, Any]:
    names = (
        *("index", "previous", "status", "attempt", "lost", "started_at", "attempt_at", "ended_at"),
        *("available_at", "wait_reason", "input", "output", "error", "next_id", "attempts", "ended_seq"),
    )
    return {"node": run.node.id, **{name: getattr(run, name) for name in names}}


def _lines(flow: Flow) -> Any:
    """The lines that matter still; how one ended in a scope that is itself told to stop does not."""
    pending: list[Frame] = [flow.root]
    while pending:
        frame = pending.pop()
        yield _line(frame)
        run = frame.run
        if frame.outcome is None and run is not None and run.scope is not None:
            yield _scope(run.scope)
            pending.extend(run.scope.frames)


def _line(frame: Frame) -> dict[str, Any]:
    told: dict[str, Any] = {"live": frame.outcome is None, "run": frame.run and frame.run.index}
    if frame.outcome is None:
        # Why may be told otherwise: by a join, then by a cancel, of which the second is what is remembered.
        stopping = bool(frame.run and not frame.run.status.is_terminal and frame.run.stopping)
        told |= {"vars": frame.vars, "delta": frame.delta, "error": frame.error, "stopping": stopping}
    return told


def _scope(scope: Scope) -> dict[str, Any]:
    if scope.run.stopping:
        return {"of": scope.run.index}
    return {"of": scope.run.index, "verdict": scope.verdict, "ended": scope.ended, "error": scope.error}


def check_log(rows: Rows) -> None:
    """What holds of every log of an execution that has ended."""
    events = rows.events
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    ends = [event for event in events if EventType(event["type"]).is_terminal]
    assert ends == [events[-1]], "the terminal event is the last, and there is one"
    executed = events[-1]["data"]["nodesExecuted"]
    places = {_place(event) for event in events if event["type"] == "node.started" or _adopted(event)}
    assert places == set(enumerate(executed)), "nodeIndex is the position in nodesExecuted"
    for run in rows.runs:
        check_attempts(run, [event for event in events if event["data"].get("runId") == f"x.{run.index}"])


def check_attempts(run: Any, events: list[dict[str, Any]]) -> None:
    """Each attempt starts once and ends once; after the last, nothing."""
    assert run.status in ("completed", "failed", "cancelled"), "no run outlives its execution"
    started: list[int] = []
    is_open = False
    for event in events:
        name, attempt = event["type"], event["data"].get("attempt")
        if name == "node.started":
            assert not is_open, "one attempt at a time"
            started.append(attempt)
            is_open = True
        elif name in ENDS and attempt is not None and not event["data"].get("adopted"):
            assert is_open, "what ends has started"
            assert attempt == started[-1]
            is_open = False
    assert not is_open, "what starts ends"
    assert started == list(range(1, len(started) + 1))
    finals = [event["type"] for event in events if event["type"] in FINAL]
    assert finals in ([f"node.{run.status}"], []) and events[-1:] == [e for e in events if e["type"] in FINAL]


ENDS = {"node.completed", "node.failed", "node.retrying", "node.lost", "node.cancelled"}
FINAL = {"node.completed", "node.failed", "node.cancelled"}


def _place(event: dict[str, Any]) -> tuple[int, str]:
    return event["data"]["nodeIndex"], event["data"]["nodeId"]


def _adopted(event: dict[str, Any]) -> bool:
    return bool(event["data"].get("adopted"))
