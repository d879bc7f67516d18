"""What a test has said in advance about nodes: who fails, what is answered instead, how long it takes."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from executions.executor.attempts.endings import failed
from executions.flow.outcomes import Failed, Outcome
from executions.flow.state import Run


class ScriptError(AssertionError):
    """The test itself says something that cannot be meant."""


@dataclass(slots=True)
class Line:
    """What is said of some attempts. ``target``: a node's id, or a procedure's name."""

    verb: str
    target: str
    attempts: frozenset[int] | None = None
    """None: each."""
    index: int | None = None
    """Only for this item of the nearest map or loop."""
    failure: Outcome | None = None
    output: Any = None
    seconds: float = 0.0
    moment: str = ""
    """Of a crash: before, during or after it."""

    def is_about(self, run: Run) -> bool:
        if self.target not in (run.node.id, run.node.procedure):
            return False
        if self.index is not None and run.frame.index != self.index:
            return False
        return self.attempts is None or run.attempt in self.attempts


@dataclass(slots=True)
class Script:
    """What was said last counts."""

    lines: list[Line] = field(default_factory=list)

    def add(self, line: Line) -> None:
        self.lines.append(line)

    def find(self, run: Run, *verbs: str, moment: str = "") -> Line | None:
        """What is to happen with this attempt."""
        for line in reversed(self.lines):
            if line.verb in verbs and line.moment == moment and line.is_about(run):
                return line
        return None

    def require_known(self, names: Iterable[str]) -> None:
        """A name that no node and no procedure has would be forgotten in silence."""
        known = sorted(set(names))
        for line in self.lines:
            if line.target not in known:
                nearest = difflib.get_close_matches(line.target, known, n=1)
                hint = f"did you mean {nearest[0]}?" if nearest else f"there are {', '.join(known)}"
                raise ScriptError(
                    f"c4c.{line.verb}({line.target!r}): no node or procedure has that name; {hint}"
                )


def failure(error: Any, message: str, retryable: bool | None) -> Outcome:
    """``error``: an exception, a class of exceptions, or the name that the failure is to have."""
    if isinstance(error, str):
        return Failed(error, message, retryable=retryable is not False)
    made = error(message) if isinstance(error, type) else error
    outcome = failed(made)
    if isinstance(outcome, Failed) and retryable is not None:
        return Failed(outcome.name, outcome.message, outcome.stack, outcome.names, retryable)
    return outcome


def attempts(verb: str, attempt: int | None, times: int | None) -> frozenset[int] | None:
    if attempt is not None and times is not None:
        raise ScriptError(f"c4c.{verb}: say attempt (only that one) or times (the first so many), not both")
    for name, value in (("attempt", attempt), ("times", times)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            raise ScriptError(f"c4c.{verb}: {name} counts from 1, got {value!r}")
    if attempt is not None:
        return frozenset({attempt})
    return None if times is None else frozenset(range(1, times + 1))


Answer = Callable[..., Any]
"""Of a node: its input by name; or no parameters at all."""
