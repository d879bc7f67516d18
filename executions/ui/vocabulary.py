"""One place for how a status is said and drawn: its word, its icon; the colour is the stylesheet's.

Icons are the symbols ``#i-<status>`` of ``c4c/_icons.html``, colours the ``[data-status=…]`` rules of
``c4c.css``. The page carries ``WORDS``, so that the live client repeats none of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from executions.states import (
    EXECUTION_MOVES,
    NODE_MOVES,
    TERMINAL,
    EventType,
    ExecutionStatus,
    NodeStatus,
)

UNREACHED = "unreached"
"""A node of the definition that no token has come to: it has no row."""

STATUSES: dict[str, str] = {
    ExecutionStatus.QUEUED: "Queued",
    ExecutionStatus.RUNNING: "Running",
    ExecutionStatus.WAITING: "Waiting",
    ExecutionStatus.PAUSED: "Paused",
    ExecutionStatus.CANCELLING: "Cancelling",
    ExecutionStatus.COMPLETED: "Completed",
    ExecutionStatus.FAILED: "Failed",
    ExecutionStatus.CANCELLED: "Cancelled",
    ExecutionStatus.TIMED_OUT: "Timed out",
    NodeStatus.PENDING: "Pending",
    NodeStatus.RETRYING: "Retrying",
    NodeStatus.SKIPPED: "Skipped",
    UNREACHED: "Not reached",
}
"""Execution and node statuses of one name mean the same and look the same. The icon's name is the status."""

REASONS: dict[str, str] = {
    "signal": "a signal",
    "approval": "an approval",
    "event": "an event",
    "child": "a sub-workflow",
    "timer": "a timer",
    "retry": "its next attempt",
    "slot": "a place under a limit",
    "rate": "its turn under a rate",
    "queue": "its turn in the queue",
    "no_worker": "an executor",
    "dependency": "other tasks",
    "paused": "somebody to resume it",
}
"""What is waited for: *waits for* comes before it. The icon's name is ``for-`` and the reason."""

OUTCOMES: dict[str, tuple[str, str]] = {
    "failed": ("Failed", NodeStatus.FAILED),
    "lost": ("Lost with its executor", NodeStatus.PENDING),
}
"""How a past attempt ended, and the status whose look it has. The current one has its run's own."""

BULK: dict[str, str] = {
    "cancel": "Cancel",
    "terminate": "Terminate",
    "pause": "Pause",
    "resume": "Resume",
    "signal": "Signal",
    "retry": "Retry",
    "rerun": "Rerun",
    "delete": "Delete",
}
"""What can be done to many executions at once."""

WORST_FIRST = (
    NodeStatus.FAILED,
    NodeStatus.RETRYING,
    NodeStatus.RUNNING,
    NodeStatus.WAITING,
    NodeStatus.PENDING,
    NodeStatus.CANCELLED,
    NodeStatus.SKIPPED,
    NodeStatus.COMPLETED,
)
"""Which status speaks for several nodes at once."""

CONNECTION = {
    "connecting": "Connecting",
    "live": "Live",
    "reconnecting": "Reconnecting",
    "polling": "Polling",
    "paused": "Paused",
    "idle": "Idle",
    "ended": "Ended",
    "signed-out": "Signed out",
}

EVENTS: dict[str, str] = {
    EventType.WORKFLOW_QUEUED: "Queued",
    EventType.WORKFLOW_STARTED: "Started",
    EventType.WORKFLOW_WAITING: "Waits",
    EventType.WORKFLOW_PAUSED: "Paused",
    EventType.WORKFLOW_RESUMED: "Resumed",
    EventType.WORKFLOW_CANCELLING: "Told to stop",
    EventType.WORKFLOW_COMPLETED: "Completed",
    EventType.WORKFLOW_FAILED: "Failed",
    EventType.WORKFLOW_CANCELLED: "Cancelled",
    EventType.WORKFLOW_TIMED_OUT: "Timed out",
    EventType.NODE_STARTED: "started",
    EventType.NODE_PROGRESS: "told its progress",
    EventType.NODE_COMPLETED: "completed",
    EventType.NODE_FAILED: "failed",
    EventType.NODE_RETRYING: "failed, will be retried",
    EventType.NODE_LOST: "lost with its executor",
    EventType.NODE_WAITING: "waits",
    EventType.NODE_SKIPPED: "skipped",
    EventType.NODE_CANCELLED: "cancelled",
}
"""What an event says; a node's own follows the node's id."""

_TARGETS: dict[str, str] = {
    move.event: move.target for move in (*EXECUTION_MOVES.values(), *NODE_MOVES.values())
}


def word(status: str) -> str:
    """``Timed out`` for ``timed_out``; an unknown status is shown as it is."""
    return STATUSES.get(status, status)


def outcome(name: str) -> tuple[str, str]:
    """Of an attempt: its word, and the status whose look it has."""
    return OUTCOMES.get(name, (word(name), name))


def status_after(event: str) -> str:
    """Where an event leaves what it tells of; empty for one that moves nothing."""
    return _TARGETS.get(event, "")


def worst(statuses: Iterable[str]) -> str:
    found = set(statuses)
    return next((status for status in WORST_FIRST if status in found), NodeStatus.PENDING)


def _wire() -> str:
    """What the live client needs to know of words: ``{words, events, final, connection}``."""
    return json.dumps(
        {
            "words": {str(status): said for status, said in STATUSES.items()},
            "events": {str(event): str(_TARGETS.get(event, "")) for event in EventType},
            "final": sorted(TERMINAL),
            "connection": CONNECTION,
        },
        separators=(",", ":"),
    )


WORDS = _wire()
