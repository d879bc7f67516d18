"""What can be wrong with a procedure, or with one call of it; and what a procedure may decide by raising."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Problem = dict[str, Any]
"""``{detail, pointer}``: what is wrong, and where (a JSON pointer into the value)."""


class ProcedureError(Exception):
    """Base of this floor's errors."""


class ProcedureNotFound(ProcedureError):
    """``nearest``: names like it. ``reason``: why the declaration of that name was refused."""

    def __init__(self, name: str, nearest: Sequence[str] = (), reason: str = "") -> None:
        self.name, self.nearest, self.reason = name, list(nearest), reason
        hint = f"; did you mean {', '.join(nearest)}?" if nearest else ""
        super().__init__(f"Procedure {name} not found in registry{f': {reason}' if reason else hint}")


class BadProcedure(ProcedureError):
    """It was declared wrongly; ``hint`` says what to do. The system checks tell where."""

    def __init__(self, problem: str, hint: str = "") -> None:
        self.hint = hint
        super().__init__(problem)


class _Refused(ProcedureError):
    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("; ".join(str(problem["detail"]) for problem in problems))


class InvalidInput(_Refused):
    """The input does not fit the contract. ``problems``: all of them."""


class InvalidOutput(_Refused):
    """What the handler returned does not fit the contract, or cannot be stored."""


class Retry(ProcedureError):
    """Raise it to be tried again, ``after`` that many seconds (None: as the node's policy says)."""

    def __init__(self, after: float | None = None, message: str = "asked to be retried") -> None:
        self.after = after
        super().__init__(message)


class LimitExceeded(ProcedureError):
    """An attempt tells more than may be kept of it."""


class ProcessDied(ProcedureError):
    """The process of a procedure with ``isolation="process"`` ended by itself, or crashed."""


class MemoryLimitExceeded(ProcedureError):
    """The process of a procedure with a ``memory_limit`` used more, and was killed."""


class NonRetryable(ProcedureError):
    """Raise it where trying again is of no use, whatever the node's policy says."""


class Cancelled(ProcedureError):
    """Raise it when ``context.cancelled`` has become true and the work is left in good order."""
