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
