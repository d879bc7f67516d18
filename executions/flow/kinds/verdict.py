"""What a kind answers when the flow comes to a node of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple, Protocol, runtime_checkable

from executions.flow.state import Flow, Run


class Done(NamedTuple):
    """It is complete already; the line goes on at ``next_id``, or ends."""

    output: Any = None
    next_id: str | None = None


class Attempt(NamedTuple):
    """User code is to be called with ``run.arguments``."""


class Park(NamedTuple):
    """Nothing to do before ``until``."""

    until: datetime
    reason: str


class Open(NamedTuple):
    """A scope: a line of its own starts at each of these nodes."""

    branches: tuple[str, ...]


Verdict = Done | Attempt | Park | Open


class Kind(Protocol):
    """A module of this package. Whatever ``start`` raises is the failure of the node."""

    def start(self, flow: Flow, run: Run, now: datetime) -> Verdict: ...


@runtime_checkable
class Resumes(Protocol):
    """A kind that may park."""

    def resume(self, flow: Flow, run: Run, now: datetime) -> Done:
        """Its time has come."""
