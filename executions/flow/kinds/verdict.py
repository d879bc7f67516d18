"""What a kind answers when the flow comes to a node of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple, Protocol, runtime_checkable

from executions.flow.state import Flow, Run, Scope
from executions.states import NodeStatus


class Done(NamedTuple):
    """It is complete already; the line goes on at ``next_id``, or ends."""

    output: Any = None
    next_id: str | None = None


class Attempt(NamedTuple):
    """User code is to be called with ``run.arguments``, or another execution started as they say."""


class Park(NamedTuple):
    """Nothing to do before ``until``, or before what it ``awaits`` comes from outside."""

    until: datetime | None
    reason: str
    awaits: str = ""


class Open(NamedTuple):
    """A scope: its kind says which lines start, and when."""

    scope: Scope


class Skip(NamedTuple):
    """A branch that is not to run, and why."""

    branch: int
    reason: str


Verdict = Done | Attempt | Park | Open


class Refused(Exception):
    """The node fails, for a reason that is told under ``name``."""

    def __init__(self, name: str, message: str) -> None:
        self.name = name
        super().__init__(message)


class Kind(Protocol):
    """A module of this package. Whatever ``start`` raises is the failure of the node."""

    def start(self, flow: Flow, run: Run, now: datetime) -> Verdict: ...


@runtime_checkable
class Resumes(Protocol):
    """A kind that may park."""

    def resume(self, flow: Flow, run: Run, now: datetime) -> Done:
        """Its time has come; what it raises is its failure."""


@runtime_checkable
class Opens(Protocol):
    """A kind that opens scopes. Everything follows from the run's row and the lines: it can be restored."""

    def scope(self, run: Run) -> Scope:
        """The scope of a run whose input is known, without any line."""

    def verdict(self, flow: Flow, scope: Scope) -> NodeStatus | None:
        """COMPLETED or FAILED as soon as no further line can change it; None while one can."""

    def openings(self, scope: Scope) -> Iterator[int | Skip]:
        """The branches that may start now."""

    def first(self, scope: Scope, branch: int) -> str:
        """The node that the branch begins with."""

    def given(self, scope: Scope, branch: int) -> dict[str, Any]:
        """What the branch has in reach beside the variables of the line that the scope is on."""

    def output(self, scope: Scope) -> Any:
        """What the scope itself gives, once its branches are joined."""
