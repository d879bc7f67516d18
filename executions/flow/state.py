"""Where one execution stands: its lines of control, their variables and the node runs on them."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from executions.states import NODE_TERMINAL, ExecutionStatus, NodeStatus
from executions.vault.known import Secrets
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
    awaits: str = ""
    """What moves it on from outside, while it waits: ``signal:…``, ``event:…``, ``approval``, ``child:…``."""
    details: JSON = None
    """What user code told with its last heartbeat; the next attempt gets it."""
    input: JSON = None
    """As it is remembered: secret fields are masked."""
    arguments: dict[str, JSON] = field(default_factory=dict)
    """As the attempt gets it; never stored."""
    key: str | None = None
    """The idempotency key that the definition names; None: the run's own name."""
    output: JSON = None
    encoded: bytes | None = None
    """The output as JSON text, as it is stored: with its secrets sealed, or a reference to where it lies."""
    shown: bytes | None = None
    """The output as it is shown; empty where it is too large to be told."""
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
    written: tuple[JSON, Any] | None = None
    """The input that was last written, and as what."""

    @property
    def is_in_flight(self) -> bool:
        """An attempt of user code is running for it."""
        return self.status is NodeStatus.RUNNING and self.scope is None

    @property
    def is_leaving(self) -> bool:
        """Told to stop, it waits for the execution that it has started to end."""
        return bool(self.stopping) and self.status is NodeStatus.WAITING

    @property
    def child(self) -> str | None:
        """The execution whose end it waits for."""
        kind, _, child = self.awaits.partition(":")
        return child if kind == "child" and self.status is NodeStatus.WAITING else None

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
    """A line of control: the execution's own, a branch of a scope, or what undoes a run.

    It is at one run at a time.
    """

    vars: dict[str, JSON]
    first: str
    """The id of the node that it starts at."""
    scope: Scope | None = None
    branch: int | None = None
    delta: dict[str, JSON] = field(default_factory=dict)
    """What the branch has added to the variables, for the join."""
    carried: dict[str, JSON] = field(default_factory=dict)
    """What it was given beside the scope's variables: by the tasks that it depends on."""
    item: JSON = None
    """Of the nearest map or loop around it; what the undone run gave, where it undoes one."""
    index: int | None = None
    nodes: dict[str, dict[str, Any]] | None = None
    """An item's own runs by node id, as long as it lives: its neighbours run the same nodes."""
    undoes: Run | None = None
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
            self._forget(self.scope)
            self.scope.ended[outcome] += 1
            self.scope.live.pop(self.branch, None)
            self.scope.fresh.append(self)

    def _forget(self, scope: Scope) -> None:
        """What nobody asks for any more: there may be ten thousand of them."""
        self.vars, self.nodes = {}, None
        if not scope.needs:
            self.carried = {}
        if not scope.merges:
            self.delta = {}

    def lines(self) -> Iterator[Frame]:
        """Itself, and the lines around it, outwards."""
        at: Frame | None = self
        while at is not None:
            yield at
            at = at.scope.run.frame if at.scope is not None else None


@dataclass(slots=True, eq=False)
class Scope:
    """The branches that a node has opened, until they are joined; ``kinds`` say what is done with them."""

    run: Run
    total: int | None = None
    """How many branches there are; None where that shows as it goes."""
    items: list[JSON] | None = None
    """What each branch is for."""
    merges: bool = True
    """Whether what its branches add to the variables is handed on by the join."""
    frames: dict[int, Frame] = field(default_factory=dict)
    """The branches that were opened, by number."""
    live: dict[int | None, Frame] = field(default_factory=dict)
    """Those of them that have not ended."""
    fresh: deque[Frame] = field(default_factory=deque)
    """Those that have ended and that its kind has not looked at."""
    ended: dict[NodeStatus, int] = field(default_factory=lambda: dict.fromkeys(sorted(NODE_TERMINAL), 0))
    """How many branches have ended so."""
    verdict: NodeStatus | None = None
    """Decided, but branches that were told to stop have not all ended."""
    error: dict[str, Any] | None = None
    """The first failure of a branch."""
    vars: dict[str, JSON] = field(default_factory=dict)
    """What the next iteration of a loop has in reach."""
    needs: dict[int, int] = field(default_factory=dict)
    """How many dependencies each task of a dag waits for still."""
    followers: dict[int, list[int]] = field(default_factory=dict)
    """The tasks that depend on each task."""
    next: int = 0
    """No branch below this number is to be opened."""

    def unopened(self) -> Iterator[int]:
        """Numbers of branches, lowest first."""
        while self.total is not None and self.next < self.total:
            if self.next not in self.frames:
                yield self.next
            self.next += 1

    def in_order(self) -> Iterator[Frame]:
        return (self.frames[branch] for branch in sorted(self.frames))

    def completed(self) -> Iterator[Frame]:
        """In the order in which the definition, or the list of items, names them."""
        return (frame for frame in self.in_order() if frame.outcome is NodeStatus.COMPLETED)


@dataclass(slots=True)
class Ending:
    """How the execution is going to end, once nothing is in flight any more."""

    status: ExecutionStatus
    error: dict[str, Any] | None = None
    reason: str = ""
    by: str = ""
    force: bool = False
    """Terminated: nothing is waited for, and nothing undone."""

    @property
    def why(self) -> str:
        """What the runs that it stops are told."""
        return self.reason or self.status.value.replace("_", " ")


@dataclass(frozen=True, slots=True)
class Signal:
    """A word that came before anything waited for it. ``id`` is its place in the inbox."""

    id: int
    name: str
    payload: JSON
    by: str


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
    """Runs that were reached and never started, in order: they are not among the nodes executed."""
    held: bool = False
    """Paused, or about to be: what is reached does not start."""
    held_by: str = ""
    serves: Callable[[str], bool] = lambda queue: True
    """Whether nodes of this queue may start here; "" is any node's."""
    gated: bool = False
    """It waits for its turn: it may be cancelled, paused and resumed, but not begin."""
    ending: Ending | None = None
    undoing: list[Frame] = field(default_factory=list)
    """The lines that undo what has completed, in the order in which they began."""
    signals: deque[Signal] = field(default_factory=deque)
    started_at: datetime | None = None
    wait_reason: str = ""
    result: JSON = None
    """What the definition's own ``outputs`` came to."""
    secrets: Secrets = field(default_factory=Secrets)
    """What must not be seen in anything that is told of it."""
    damage: dict[str, Any] | None = None
    """Why it cannot go on from its rows."""

    @classmethod
    def new(cls, definition: Definition, execution_id: str, input: dict[str, JSON]) -> Flow:
        variables = {**definition.variables, **input}
        return cls(definition, execution_id, input, Frame(variables, definition.start_node))

    def scope_of(self, frame: Frame) -> dict[str, JSON]:
        """What an expression on this line has in reach."""
        return {
            "input": self.input,
            "vars": frame.vars,
            "nodes": self.nodes_of(frame),
            "trigger": self.input.get("trigger"),
            "error": frame.error,
            "item": frame.item,
            "index": frame.index,
            "execution": {"id": self.execution_id, "workflowId": self.definition.id},
        }

    def nodes_of(self, frame: Frame) -> dict[str, dict[str, Any]]:
        """The nodes that have run, as this line sees them: an item its own runs, not its neighbours'."""
        own = [line.nodes for line in frame.lines() if line.nodes]
        found = self.nodes
        for nodes in reversed(own):
            found = {**found, **nodes}
        return found

    def live_runs(self) -> Iterator[Run]:
        """The runs that have not ended, scopes' own nodes included, outer ones first."""
        lines = [*self.undoing[-1:], self.root]
        while lines:
            frame = lines.pop()
            run = frame.run
            if run is None or frame.outcome is not None or run.status.is_terminal:
                continue
            yield run
            if run.scope is not None:
                lines.extend(reversed(run.scope.live.values()))

    def timed_runs(self) -> Iterator[Run]:
        """The runs that time may move on."""
        return (run for run in self.live_runs() if run.available_at is not None and self.may_go_on(run))

    def may_go_on(self, run: Run) -> bool:
        """Nothing while it is held; while it is ending only what undoes, held or not; each in its queue."""
        return self._is_free(run) and self.serves(run.node.queue)

    def goes_on_elsewhere(self) -> Run | None:
        """What goes on first, where an executor of another queue has to do it."""
        waiting = (run for run in self.live_runs() if run.status is NodeStatus.PENDING or run.available_at)
        first = min(filter(self._is_free, waiting), key=_goes_on, default=None)
        return None if first is None or self.serves(first.node.queue) else first

    def _is_free(self, run: Run) -> bool:
        return not self.held if self.ending is None else run.frame.undoes is not None

    def outputs(self) -> JSON:
        """What the execution gives: as its definition says, else by node id."""
        if self.result is not None:
            return self.result
        return {
            node_id: told["output"]
            for node_id, told in self.nodes.items()
            if told["status"] == NodeStatus.COMPLETED and told["output"] is not None
        }

    def executed(self) -> Iterable[Run]:
        """The runs that have started, in that order; what is reached first starts first."""
        return (run for run in self.runs if run.started_at is not None)

    def position(self, run: Run) -> int:
        """Its place in ``executed``."""
        return run.index - bisect_left(self.unstarted, run.index)


def _goes_on(run: Run) -> tuple[Any, ...]:
    """What can start at once before what has to wait, and that by its time."""
    return (run.available_at is not None, run.available_at, run.index)


def know(flow: Flow, run: Run) -> None:
    """A run has ended: expressions may ask for it."""
    error = None if run.error is None else shown(run.error)
    told = {"output": run.output, "status": run.status.value, "error": error}
    flow.nodes[run.node.id] = told
    for line in run.frame.lines():
        if line.nodes is not None:
            line.nodes[run.node.id] = told


def shown(error: Mapping[str, Any]) -> dict[str, Any]:
    """An error as events and expressions show it: without the stack."""
    return {key: value for key, value in error.items() if key != "stack"}


def caught(run: Run) -> dict[str, Any]:
    """The run's failure as its handler has it in reach: ``{name, message, nodeId, attempt}``."""
    error = shown(run.error or {})
    return {**error, "nodeId": error.get("nodeId") or run.node.id, "attempt": run.attempt}
