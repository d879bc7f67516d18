"""An execution's trace, as a pure fold over its rows: nothing is kept that the rows do not say.

Names, attributes and tree are those of the original's recorded answers: ``workflow.execute`` at the root,
below it a ``workflow.node.<kind>`` per attempt, and between a parallel node and its branches' nodes a
``workflow.parallel.branch``. The order is the order in which spans ended, the root last.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

from executions.models import Execution, NodeRun
from executions.moments import ms
from executions.states import ExecutionStatus, NodeStatus
from executions.telemetry.attributes import (
    condition_attributes,
    execution_attributes,
    node_attributes,
    procedure_attributes,
)
from executions.telemetry.variables import variables_of_conditions

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FAR = datetime.max.replace(tzinfo=UTC)

OK = {"code": "OK"}
UNSET = {"code": "UNSET"}


def spans(
    execution: Execution, node_runs: Iterable[NodeRun], *, unfinished: bool = False
) -> list[dict[str, Any]]:
    """The contract's ``spans[]``. ``execution.version`` is read: select it along.

    As in OpenTelemetry only ended spans count; with ``unfinished`` those still open follow the ended ones,
    with ``endTime`` and ``duration`` null.
    """
    runs = sorted(node_runs, key=lambda run: run.index)
    trace = _Trace(execution, {run.index: run for run in runs})
    found = [*trace.nodes(), *trace.branches()]
    kept = [span for span in found if unfinished or span.end is not None]
    ordered = [span.document(execution.trace_id) for span in sorted(kept, key=_Span.order)]
    root = trace.root()
    if unfinished or root.end is not None:
        ordered.append(root.document(execution.trace_id))
    return ordered


def span_id_of(trace_id: str, index: int, attempt: int, *extra: int) -> str:
    """The span id (16 hex digits) of an attempt of the node run ``index``: the same whoever asks, and when.

    A branch of a scope is ``span_id_of(trace_id, scope_index, 0, branch)``.
    """
    words = ":".join(map(str, (trace_id, index, attempt, *extra)))
    return blake2b(words.encode(), digest_size=8).hexdigest()


@dataclass(slots=True)
class _Span:
    id: str
    parent: str
    name: str
    start: datetime
    end: datetime | None
    status: dict[str, str]
    attributes: dict[str, Any]
    depth: int = 0
    seq: int = 0
    error: dict[str, Any] | None = None
    kind: str = "INTERNAL"
    events: list[dict[str, Any]] | None = None

    def order(self) -> tuple[datetime, int, int, datetime]:
        """Ends first to last; of what ended in one moment the inner before the outer."""
        return (self.end or FAR, self.seq, -self.depth, self.start)

    def document(self, trace_id: str) -> dict[str, Any]:
        start, end = ms(self.start), None if self.end is None else ms(self.end)
        document: dict[str, Any] = {"spanId": self.id, "traceId": trace_id}
        if self.parent:
            document["parentSpanId"] = self.parent
        document |= {
            "name": self.name,
            "kind": self.kind,
            "startTime": start,
            "endTime": end,
            "duration": None if end is None else max(0, end - start),
            "status": self.status,
            "attributes": self.attributes,
        }
        events = self._events()
        return document | {"events": events} if events else document

    def _events(self) -> list[dict[str, Any]]:
        if self.error is None or self.end is None:
            return self.events or []
        return [_exception(self.error, self.end)]


class _Trace:
    def __init__(self, execution: Execution, runs: dict[int, NodeRun]) -> None:
        self.execution = execution
        self.runs = runs
        self.trace_id = execution.trace_id
        self.configs = _configs(execution.version.definition)
        self.variables = variables_of_conditions(execution, runs.values())

    def root(self) -> _Span:
        execution = self.execution
        executed = [run for run in self.runs.values() if run.started_at is not None]
        return _Span(
            id=execution.span_id,
            parent=execution.parent_span_id,
            name="workflow.execute",
            start=execution.started_at or execution.queued_at,
            end=execution.ended_at,
            status=_status(execution.status, execution.error),
            attributes=execution_attributes(execution, executed),
            error=execution.error if execution.status == ExecutionStatus.FAILED else None,
        )

    def nodes(self) -> Iterator[_Span]:
        for run in self.runs.values():
            if run.adopted_from is None:
                yield from self._past_attempts(run)
                yield from self._current_attempt(run)
                yield from self._made_by_user_code(run)

    def branches(self) -> Iterator[_Span]:
        members: dict[tuple[int, int], list[NodeRun]] = {}
        for run in self.runs.values():
            if run.scope is not None and run.branch is not None and run.adopted_from is None:
                members.setdefault((run.scope, run.branch), []).append(run)
        for (scope, branch), runs in members.items():
            started = [run.started_at for run in runs if run.started_at is not None]
            if started and scope in self.runs:
                yield self._branch(self.runs[scope], branch, runs, min(started))

    def _past_attempts(self, run: NodeRun) -> Iterator[_Span]:
        for past in run.attempts:
            yield self._attempt(
                run,
                attempt=past["attempt"],
                start=datetime.fromisoformat(past["startTime"]),
                end=datetime.fromisoformat(past["endTime"]),
                status=NodeStatus.FAILED,
                error=past["error"],
            )

    def _current_attempt(self, run: NodeRun) -> Iterator[_Span]:
        start = _current_start(run)
        if start is not None:
            failed = run.status == NodeStatus.FAILED
            yield self._attempt(
                run,
                attempt=run.attempt,
                start=start,
                end=run.ended_at,
                status=run.status,
                error=run.error if failed else None,
            )

    def _attempt(
        self,
        run: NodeRun,
        *,
        attempt: int,
        start: datetime,
        end: datetime | None,
        status: str,
        error: dict[str, Any] | None,
    ) -> _Span:
        current = attempt == run.attempt
        return _Span(
            id=span_id_of(self.trace_id, run.index, attempt),
            parent=self._parent(run),
            name=f"workflow.node.{run.kind}",
            start=start,
            end=end,
            status=_status(status, error),
            attributes=self._attributes(run, attempt, status, error),
            depth=2 * self._nesting(run) + 2,
            seq=(run.ended_seq or 0) if current else 0,
            error=error,
        )

    def _attributes(
        self, run: NodeRun, attempt: int, status: str, error: dict[str, Any] | None
    ) -> dict[str, Any]:
        own: dict[str, Any] = {}
        if run.kind == "procedure":
            own = procedure_attributes(run, status)
        if run.kind == "condition":
            config = self.configs.get(run.node_id, {})
            own = condition_attributes(run, status, config, self.variables[run.index])
        return node_attributes(self.execution, run, own, attempt=attempt, status=status, error=error)

    def _made_by_user_code(self, run: NodeRun) -> Iterator[_Span]:
        depth = 2 * self._nesting(run) + 3
        for position, span in enumerate(run.spans):
            yield _Span(
                id=span["spanId"],
                parent=span.get("parentSpanId", ""),
                name=span["name"],
                start=_moment(span["startTime"]),
                end=_moment(span["endTime"]),
                status=span["status"],
                attributes=span["attributes"],
                depth=depth + position,
                kind=span["kind"],
                events=span.get("events"),
            )

    def _branch(self, scope: NodeRun, branch: int, runs: list[NodeRun], start: datetime) -> _Span:
        ends = [run.ended_at for run in runs if run.ended_at is not None]
        over = len(ends) == len(runs) or scope.ended_at is not None
        last = max(runs, key=lambda run: run.index)
        status = last.status if over else NodeStatus.RUNNING
        return _Span(
            id=span_id_of(self.trace_id, scope.index, 0, branch),
            parent=span_id_of(self.trace_id, scope.index, scope.attempt),
            name="workflow.parallel.branch",
            start=start,
            end=(max(ends) if ends else scope.ended_at) if over else None,
            status=_status(status, last.error if status == NodeStatus.FAILED else None),
            attributes={
                "workflow.id": self.execution.workflow_id,
                "workflow.execution_id": self.execution.id,
                "parallel.node_id": scope.node_id,
                "parallel.branch_id": runs[0].node_id,
                "parallel.branch_index": branch,
            },
            depth=2 * self._nesting(scope) + 3,
            seq=max((run.ended_seq or 0) for run in runs),
        )

    def _parent(self, run: NodeRun) -> str:
        if run.scope is None or run.branch is None:
            return self.execution.span_id
        return span_id_of(self.trace_id, run.scope, 0, run.branch)

    def _nesting(self, run: NodeRun) -> int:
        nesting, scope = 0, run.scope
        while scope is not None and scope in self.runs:
            nesting, scope = nesting + 1, self.runs[scope].scope
        return nesting


def _current_start(run: NodeRun) -> datetime | None:
    """When the current attempt started; None where it waits for its turn, or was given up before it came."""
    start = run.attempt_at or run.started_at
    past = run.attempts[-1:]
    if start is None or not past:
        return start
    # Past attempts are remembered to the millisecond.
    begun = ms(start) > ms(datetime.fromisoformat(past[0]["startTime"]))
    return start if begun else None


def _configs(definition: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {node["id"]: node.get("config") or {} for node in definition.get("nodes", ())}


def _status(status: str, error: dict[str, Any] | None) -> dict[str, str]:
    """Cancelled, skipped and open spans stay unset: they neither succeeded nor went wrong."""
    if status in (ExecutionStatus.COMPLETED, NodeStatus.COMPLETED):
        return OK
    if status in (ExecutionStatus.FAILED, ExecutionStatus.TIMED_OUT, NodeStatus.FAILED):
        message = str((error or {}).get("message") or "")
        return {"code": "ERROR", "message": message} if message else {"code": "ERROR"}
    return UNSET


def _exception(error: dict[str, Any], at: datetime) -> dict[str, Any]:
    """Without the stack, which not everyone who may see the execution may see."""
    return {
        "name": "exception",
        "timestamp": ms(at),
        "attributes": {
            "exception.type": str(error.get("name") or "Error"),
            "exception.message": str(error.get("message") or ""),
        },
    }


def _moment(epoch_ms: float) -> datetime:
    return EPOCH + timedelta(milliseconds=epoch_ms)
