"""Where one execution stands: its lines of control, their variables and the node runs on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from executions.states import ExecutionStatus, NodeStatus
from workflows.definition import Definition, Node

JSON = Any


@dataclass(slots=True, eq=False)
class Run:
    """One node run. ``index`` is its place in the order in which the runs were reached."""

    index: int
    node: Node
    frame: Frame
    previous: int | None = None
    status: NodeStatus = NodeStatus.PENDING
    attempt: int = 1
    lost: int = 0
    """Attempts that died with their executors; one that was handed over in good order does not count."""
    started_at: datetime | None = None
    attempt_at: datetime | None = None
    """When this attempt started; ``started_at`` is when the first one did."""
    ended_at: datetime | None = None
    available_at: datetime | None = None
    wait_reason: str = ""
    input: JSON = None
    """As it is remembered: secret fields are masked."""
    arguments: dict[str, JSON] = field(default_factory=dict)
    """As the attempt gets it; never stored."""
    output: JSON = None
    encoded: bytes | None = None
    """The output as JSON text, where an attempt has just made it."""
    error: dict[str, Any] | None = None
    next_id: str | None = None
    """Where its line goes on: the next node in its scope; after a failure the handler, wherever that is."""
    attempts: list[dict[str, Any]] = field(default_factory=list)
    spans: list[dict[str, Any]] = field(default_factory=list)
    adopted_from: str | None = None
    ended_seq: int | None = None
    scope: Scope | None = None
    """The scope that this run has opened, while it is open."""
    stopping: str = ""
    """Why it was told to stop; whatever its attempt still answers, its line does not go on."""
    stored: bool = False
    """Whether the database has a row of it."""

    @property
    def is_in_flight(self) -> bool:
        """An attempt of user code is running for it."""
        return self.status is NodeStatus.RUNNING and self.scope is None

    @property
    def tries(self) -> int:
        """How many attempts have ended by themselves, so that a retry policy counts them."""
        return sum(past["outcome"] == "failed" for past in self.attempts)

    def leads_to(self, node_id: str | None) -> bool:
        """Whether its line goes on there: there is such a node, and it does not come after the join."""
        scope = self.frame.scope
        return node_id is not None and (scope is None or node_id != scope.run.node.next)


@dataclass(slots=True, eq=False)
class Frame:
    """A line of control: the execution's own, or a branch of a scope. It is at one run at a time."""

    vars: dict[str, JSON]
    first: str
    """The id of the node that it starts at."""
    scope: Scope | None = None
    branch: int | None = None
    delta: dict[str, JSON] = field(default_factory=dict)
    """What the branch has added to the variables, for the join."""
    error: dict[str, Any] | None = None
    """The last failure that a handler on this line has caught."""
    run: Run | None = None
    outcome: NodeStatus | None = None
    """How the line ended: completed, failed or cancelled."""

    def merge(self, output: JSON) -> None:
        if isinstance(output, Mapping):
            self.vars.update(output)
            if self.scope is not None:
                self.delta.update(output)

    def end(self, outcome: NodeStatus) -> None:
        self.outcome = outcome
        if self.scope is not None:
            self.scope.ended[outcome] += 1


@dataclass(slots=True, eq=False)
class Scope:
    """The branches that a node has opened, until they are joined."""

    run: Run
    frames: list[Frame] = field(default_factory=list)
    ended: dict[NodeStatus, int] = field(
        default_factory=lambda: {NodeStatus.COMPLETED: 0, NodeStatus.FAILED: 0, NodeStatus.CANCELLED: 0}
    )
    """How many branches have ended so."""
    verdict: NodeStatus | None = None
    """Decided, but branches that were told to stop have not all ended."""
    error: dict[str, Any] | None = None
    """The first failure of a branch."""

    @property
    def is_live(self) -> bool:
        return sum(self.ended.values()) < len(self.frames)

    def live(self) -> list[Frame]:
        return [frame for frame in self.frames if frame.outcome is None]


@dataclass(slots=True)
class Ending:
    """How the execution is going to end, once nothing is in flight any more."""

    status: ExecutionStatus
    error: dict[str, Any] | None = None
    reason: str = ""
    by: str = ""

    @property
    def why(self) -> str:
        """What the runs that it stops are told."""
        return self.reason or self.status.value.replace("_", " ")


@dataclass(slots=True, eq=False)
class Flow:
    """The whole of it. Built for a new execution, or restored from rows; moved by ``advance`` alone."""

    definition: Definition
    execution_id: str
    input: dict[str, JSON]
    root: Frame
    status: ExecutionStatus = ExecutionStatus.QUEUED
    seq: int = 1
    runs: list[Run] = field(default_factory=list)
    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By node id: ``{output, status, error}`` of its last ended run, for expressions."""
    unstarted: list[int] = field(default_factory=list)
    """Runs that were reached, held back and cancelled: they are not among the nodes executed."""
    held: bool = False
    """Paused, or about to be: what is reached does not start."""
    held_by: str = ""
    ending: Ending | None = None
    started_at: datetime | None = None
    wait_reason: str = ""
    result: JSON = None
    """What the definition's own ``outputs`` came to."""

    @classmethod
    def new(cls, definition: Definition, execution_id: str, input: dict[str, JSON]) -> Flow:
        variables = {**definition.variables, **input}
        return cls(definition, execution_id, input, Frame(variables, definition.start_node))

    def scope_of(self, frame: Frame, item: JSON = None, index: int | None = None) -> dict[str, JSON]:
        """What an expression on this line has in reach."""
        return {
            "input": self.input,
            "vars": frame.vars,
            "nodes": self.nodes,
            "trigger": self.input.get("trigger"),
            "error": frame.error,
            "item": item,
            "index": index,
            "execution": {"id": self.execution_id, "workflowId": self.definition.id},
        }

    def live_runs(self) -> Iterator[Run]:
        """The runs that have not ended, scopes' own nodes included, outer ones first."""
        lines = [self.root]
        while lines:
            frame = lines.pop()
            run = frame.run
            if run is None or frame.outcome is not None or run.status.is_terminal:
                continue
            yield run
            if run.scope is not None:
                lines.extend(reversed(run.scope.frames))

    def executed(self) -> Iterable[Run]:
        """The runs that have started, in that order; what is reached first starts first."""
        return (run for run in self.runs if run.started_at is not None)

    def position(self, run: Run) -> int:
        """Its place in ``executed``."""
        return run.index - sum(index < run.index for index in self.unstarted)


def know(flow: Flow, run: Run) -> None:
    """A run has ended: expressions may ask for it."""
    error = None if run.error is None else shown(run.error)
    flow.nodes[run.node.id] = {"output": run.output, "status": run.status.value, "error": error}


def shown(error: Mapping[str, Any]) -> dict[str, Any]:
    """An error as events and expressions show it: without the stack."""
    return {key: value for key, value in error.items() if key != "stack"}


def caught(run: Run) -> dict[str, Any]:
    """The run's failure as its handler has it in reach: ``{name, message, nodeId, attempt}``."""
    error = shown(run.error or {})
    return {**error, "nodeId": error.get("nodeId") or run.node.id, "attempt": run.attempt}
