"""What the verbs refuse, named for the reader."""

from __future__ import annotations

from typing import Any


class ExecutionError(Exception):
    """Base of what this app's verbs raise."""


class ExecutionNotFound(ExecutionError):
    def __init__(self, execution_id: str) -> None:
        self.execution_id = execution_id
        super().__init__(f"Execution '{execution_id}' not found")


class ExecutionExists(ExecutionError):
    def __init__(self, execution_id: str) -> None:
        self.execution_id = execution_id
        super().__init__(f"Execution '{execution_id}' already exists; choose another executionId")


class KeyConflict(ExecutionError):
    """An active execution of the workflow has the key already."""

    def __init__(self, key: str, execution_id: str) -> None:
        self.key, self.execution_id = key, execution_id
        super().__init__(f"key '{key}' is taken by the active execution '{execution_id}'")


class NotAllowed(ExecutionError):
    """The execution's status does not allow the verb."""

    def __init__(self, verb: str, current_status: str, allowed_actions: list[str]) -> None:
        self.verb, self.current_status, self.allowed_actions = verb, current_status, allowed_actions
        allowed = ", ".join(allowed_actions) or "nothing"
        super().__init__(f"cannot {verb} an execution that is {current_status}; allowed: {allowed}")


class InvalidInput(ExecutionError):
    """``problems``: ``[{detail, pointer}]``, all of them at once."""

    def __init__(self, problems: list[dict[str, Any]]) -> None:
        self.problems = problems
        super().__init__("; ".join(str(problem["detail"]) for problem in problems))


class QueueNotFound(ExecutionError):
    """No queue of that name has been used or paused."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"Queue '{name}' not found")


class Forbidden(ExecutionError):
    """Whoever asks may not: for what only the object itself can tell."""


class NotWaiting(ExecutionError):
    """Nothing waits there for what was said, or not any more."""


class Incompatible(ExecutionError):
    """The version does not fit what has run. ``reasons`` names each node."""

    def __init__(self, reasons: list[str]) -> None:
        self.reasons = reasons
        super().__init__("; ".join(reasons))


class BulkNotFound(ExecutionError):
    def __init__(self, bulk_id: str) -> None:
        super().__init__(f"Bulk operation '{bulk_id}' not found")


class ForeignTransaction(ExecutionError):
    """The caller has a transaction on another database, and none on the engine's."""

    def __init__(self, verb: str, alias: str, using: str) -> None:
        super().__init__(
            f"{verb} inside atomic(using={alias!r}) would not be part of that transaction: executions are in"
            f" the database {using!r}. Open transaction.atomic() around it as well, or call it from"
            f" transaction.on_commit(…, using={alias!r})."
        )
