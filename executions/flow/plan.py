"""What a step of the flow amounts to: facts in their order, and what the executor is to do about them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from executions.flow.state import Frame, Run, Scope
from executions.moments import ms
from executions.states import EventType


class Fact(NamedTuple):
    """One line for the log; what it says of a run is read off the run as it stands then."""

    type: EventType
    run: Run | None
    data: dict[str, Any]


@dataclass(slots=True)
class Plan:
    """One transition in the making. ``now`` is the database's clock."""

    now: datetime
    facts: list[Fact] = field(default_factory=list)
    touched: dict[int, Run] = field(default_factory=dict)
    """The runs whose rows change, by index."""
    launch: list[Run] = field(default_factory=list)
    """Attempts to start once the transition is committed."""
    stop: list[Run] = field(default_factory=list)
    """Attempts to stop."""
    agenda: deque[tuple[Frame, str, int | None]] = field(default_factory=deque)
    """Nodes that a line has come to and that have no run yet: (line, node id, the run that led there)."""
    undecided: deque[Scope] = field(default_factory=deque)
    """Scopes of which a branch has ended; they are weighed before anything else happens."""

    def tell(self, type: EventType, run: Run | None = None, **data: Any) -> None:
        self.facts.append(Fact(type, run, data))
        if run is not None:
            self.touched[run.index] = run

    @property
    def ms(self) -> int:
        return ms(self.now)
