"""The words for where an execution and a node run stand, and the moves that are legal between them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ExecutionStatus(StrEnum):
    QUEUED = "queued"
    """Stored, not yet claimed. An executor's first claim moves it on."""
    RUNNING = "running"
    """An attempt is in flight, or is about to be."""
    WAITING = "waiting"
    """Every live token is parked on a timer or a signal; the wake-up moves it on."""
    PAUSED = "paused"
    """Held by a person; only ``resume`` or ``cancel`` moves it on."""
    CANCELLING = "cancelling"
    """Told to stop; ends when the attempts in flight have ended."""
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"

    @property
    def is_terminal(self) -> bool:
        """Nothing leaves a terminal status: retry and rerun are new executions."""
        return self in TERMINAL


TERMINAL = frozenset(
    {
        ExecutionStatus.COMPLETED,
        ExecutionStatus.FAILED,
        ExecutionStatus.CANCELLED,
        ExecutionStatus.TIMED_OUT,
    }
)
ACTIVE = frozenset(ExecutionStatus) - TERMINAL


class NodeStatus(StrEnum):
    PENDING = "pending"
    """The token has arrived; the node has not started (the execution is paused)."""
    RUNNING = "running"
    """An attempt is in flight, or this is a scope whose branches run."""
    WAITING = "waiting"
    """Parked on a timer or a signal; holds no executor."""
    RETRYING = "retrying"
    """The last attempt failed; the next starts at ``available_at``."""
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        return self in NODE_TERMINAL


NODE_TERMINAL = frozenset({NodeStatus.COMPLETED, NodeStatus.FAILED, NodeStatus.SKIPPED, NodeStatus.CANCELLED})


class EventType(StrEnum):
    """Every type of the event log; contract/events.md says what each carries."""

    WORKFLOW_QUEUED = "workflow.queued"
    WORKFLOW_STARTED = "workflow.started"
    WORKFLOW_WAITING = "workflow.waiting"
    WORKFLOW_PAUSED = "workflow.paused"
    WORKFLOW_RESUMED = "workflow.resumed"
    WORKFLOW_CANCELLING = "workflow.cancelling"
    WORKFLOW_COMPLETED = "workflow.completed"
    WORKFLOW_FAILED = "workflow.failed"
    WORKFLOW_CANCELLED = "workflow.cancelled"
    WORKFLOW_TIMED_OUT = "workflow.timed_out"
    NODE_STARTED = "node.started"
    NODE_PROGRESS = "node.progress"
    NODE_COMPLETED = "node.completed"
    NODE_FAILED = "node.failed"
    NODE_RETRYING = "node.retrying"
    NODE_LOST = "node.lost"
    NODE_WAITING = "node.waiting"
    NODE_SKIPPED = "node.skipped"
    NODE_CANCELLED = "node.cancelled"

    @property
    def is_terminal(self) -> bool:
        """The last event of an execution: nothing follows it, ever."""
        return self in TERMINAL_EVENTS


TERMINAL_EVENTS = frozenset(
    {
        EventType.WORKFLOW_COMPLETED,
        EventType.WORKFLOW_FAILED,
        EventType.WORKFLOW_CANCELLED,
        EventType.WORKFLOW_TIMED_OUT,
    }
)


@dataclass(frozen=True, slots=True)
class Move:
    """A legal change of status, the event that tells of it, and what brings it about."""

    event: EventType
    sources: frozenset[StrEnum]
    target: StrEnum
    when: str


def _move(event: EventType, *sources: StrEnum, to: StrEnum, when: str) -> Move:
    return Move(event, frozenset(sources), to, when)


_E, _N = ExecutionStatus, NodeStatus

EXECUTION_MOVES = {
    "start": _move(
        EventType.WORKFLOW_STARTED,
        *(_E.QUEUED, _E.RUNNING),
        to=_E.RUNNING,
        when="an executor claims it for the first time; from running where it was paused before and resumed",
    ),
    "park": _move(
        EventType.WORKFLOW_WAITING,
        *(_E.RUNNING,),
        to=_E.WAITING,
        when="nothing is in flight: a timer has to run out, or a word to come from outside",
    ),
    "pause": _move(
        EventType.WORKFLOW_PAUSED,
        *(_E.QUEUED, _E.RUNNING, _E.WAITING),
        to=_E.PAUSED,
        when="a person has asked for it, and nothing is in flight any more",
    ),
    "resume": _move(
        EventType.WORKFLOW_RESUMED,
        *(_E.PAUSED, _E.WAITING),
        to=_E.RUNNING,
        when="a person asks for it, a timer has run out, what it waited for has come, or it is to be undone",
    ),
    "cancel": _move(
        EventType.WORKFLOW_CANCELLING,
        *(_E.QUEUED, _E.RUNNING, _E.WAITING, _E.PAUSED),
        to=_E.CANCELLING,
        when="a person asks for it",
    ),
    "complete": _move(
        EventType.WORKFLOW_COMPLETED,
        *(_E.RUNNING,),
        to=_E.COMPLETED,
        when="the last line has ended, every failure on it caught",
    ),
    "fail": _move(
        EventType.WORKFLOW_FAILED,
        *(_E.RUNNING, _E.QUEUED, _E.WAITING, _E.PAUSED, _E.CANCELLING),
        to=_E.FAILED,
        when="a failure that nothing caught; from elsewhere than running where its rows cannot be stored",
    ),
    "end_cancelled": _move(
        EventType.WORKFLOW_CANCELLED,
        *(_E.CANCELLING,),
        to=_E.CANCELLED,
        when="the attempts that were in flight have ended, or were left behind after their grace",
    ),
    "time_out": _move(
        EventType.WORKFLOW_TIMED_OUT,
        *(_E.QUEUED, _E.RUNNING, _E.WAITING, _E.PAUSED),
        to=_E.TIMED_OUT,
        when="its deadline has passed, and nothing is in flight any more",
    ),
}

GATE_MOVES = {
    "requeue": _move(
        EventType.WORKFLOW_RESUMED,
        *(_E.PAUSED,),
        to=_E.QUEUED,
        when="a person asks for it, and its turn has not come yet",
    ),
}
"""Of executions that wait for their turn under a limit: told as any other resuming, and not begun by it."""

NODE_MOVES = {
    "start": _move(
        EventType.NODE_STARTED,
        *(_N.PENDING, _N.RETRYING),
        to=_N.RUNNING,
        when="a line comes to it, a pause is over, its back-off is over, or it was lost and is taken up",
    ),
    "complete": _move(
        EventType.NODE_COMPLETED,
        *(_N.RUNNING, _N.WAITING),
        to=_N.COMPLETED,
        when="its attempt has given a result, its branches are joined, or what it waited for has come",
    ),
    "fail": _move(
        EventType.NODE_FAILED,
        *(_N.RUNNING, _N.WAITING),
        to=_N.FAILED,
        when="it has failed and is not tried again, or what it waited for has not come, or said no",
    ),
    "retry": _move(
        EventType.NODE_RETRYING,
        *(_N.RUNNING, _N.WAITING),
        to=_N.RETRYING,
        when="it has failed and is tried again after its back-off",
    ),
    "lose": _move(
        EventType.NODE_LOST,
        *(_N.RUNNING,),
        to=_N.PENDING,
        when="its executor died or stopped",
    ),
    "park": _move(
        EventType.NODE_WAITING,
        *(_N.RUNNING,),
        to=_N.WAITING,
        when="it sleeps, or waits for a word from outside",
    ),
    "cancel": _move(
        EventType.NODE_CANCELLED,
        *(_N.PENDING, _N.RUNNING, _N.WAITING, _N.RETRYING),
        to=_N.CANCELLED,
        when="its execution is stopped, or another branch has decided the join",
    ),
    "skip": _move(
        EventType.NODE_SKIPPED,
        *(_N.PENDING,),
        to=_N.SKIPPED,
        when="a task that it depends on has not completed",
    ),
}
