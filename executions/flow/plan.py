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


class Word(NamedTuple):
    """Something said to this execution, from its inbox; ``id`` is its place there, 0 where it is not."""

    id: int
    kind: str
    payload: dict[str, Any]
    actor: str = ""


class Letter(NamedTuple):
    """Something that this execution has to say to another one."""

    recipient: str
    kind: str
    payload: dict[str, Any]


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
    parked: deque[Run] = field(default_factory=deque)
    """Runs that have just begun to wait; what they wait for may be here already."""
    listen: list[Run] = field(default_factory=list)
    """Of them those that wait for an event, which may have been emitted already."""
    letters: list[Letter] = field(default_factory=list)
    children: list[Any] = field(default_factory=list)
    """The rows of executions that are stored with this transition, as the executor has made them."""
    taken: list[int] = field(default_factory=list)
    """Words of the inbox that were kept until now."""
    agenda: deque[tuple[Frame, str, int | None]] = field(default_factory=deque)
    """Nodes that a line has come to and that have no run yet: (line, node id, the run that led there)."""
    undecided: deque[Scope] = field(default_factory=deque)
    """Scopes of which a branch has ended; they are weighed before anything else happens."""

    def tell(self, type: EventType, run: Run | None = None, **data: Any) -> None:
        self.facts.append(Fact(type, run, data))
        if run is not None:
            self.touched[run.index] = run

    def send(self, recipient: str, kind: str, payload: dict[str, Any]) -> None:
        self.letters.append(Letter(recipient, kind, payload))

    @property
    def has_more(self) -> bool:
        """Something is left that follows at once, for a transition of its own."""
        return bool(self.agenda or self.parked)

    def carry_on(self, earlier: Plan) -> None:
        """Take what the transition before this one has left."""
        self.agenda.extend(earlier.agenda)
        self.parked.extend(earlier.parked)

    @property
    def ms(self) -> int:
        return ms(self.now)
