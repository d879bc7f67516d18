"""New executions made from others: what stands is adopted, the rest runs anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from executions import intake
from executions.adoption import adopted, runs_of
from executions.errors import Incompatible, InvalidInput, KeyConflict
from executions.events import run_id
from executions.intake import Start
from executions.models import Execution, NodeRun
from executions.operations.commands import require
from executions.operations.rows import found, plain_input
from executions.operations.starting import store
from executions.operations.transactions import USING, refuse_foreign
from executions.transitions import Row
from executions.vault.inputs import filled_in
from workflows import library
from workflows.compatibility import compatibility

Version = str | int


def retry(execution_id: str, *, actor: str = "") -> Execution:
    """A new execution of the same version that adopts the results of completed nodes and runs the rest.

    It has the input, the tags, the priority and, while nobody else has it, the key; no deadline, no parent.
    """
    refuse_foreign("retry")
    source = found(execution_id)
    require(source, "retry")
    begun = _again(source, None, "original")
    runs = adopted(begun.execution_id, runs_of(source.id, USING), source.id, begun.definition)
    return _store(replace(begun, retry_of=source.id, runs=tuple(runs)), source.key)


def rerun(
    execution_id: str,
    *,
    input: dict[str, Any] | None = None,
    from_node: str | None = None,
    version: Version = "original",
    actor: str = "",
) -> Execution:
    """A new execution, the same input or another, of the ``original`` version, the ``latest`` or a number.

    From the start, or from a node (its id, or one run's): results that came before it are adopted, and all
    that was reached from it runs anew. What else is carried over: as with ``retry``.
    Raises ``Incompatible`` where the version does not fit what is adopted.
    """
    refuse_foreign("rerun")
    source = found(execution_id)
    require(source, "rerun")

    def begun() -> Start:
        again = replace(_again(source, input, version), rerun_of=source.id)
        return again if from_node is None else replace(again, runs=_before(source, from_node, again))

    return _store(begun(), source.key, begun)


def _before(source: Execution, from_node: str, again: Start) -> tuple[Row, ...]:
    """What stands without the node, as rows of the new execution."""
    runs = runs_of(source.id, USING)
    old = library.definition(source.version)
    rows = adopted(again.execution_id, runs, source.id, old, _named(source.id, runs, from_node))
    if source.version_id != again.version.pk:
        obstacles = compatibility(old, again.definition, [_Adopted(row) for row in rows])
        if obstacles:
            raise Incompatible([str(obstacle) for obstacle in obstacles])
    return tuple(rows)


def _named(execution_id: str, runs: list[NodeRun], from_node: str) -> list[int]:
    """The indexes of the node's runs, or of the one run."""
    forward = [run for run in runs if run.branch is None or run.branch >= 0]
    named = [run.index for run in forward if from_node in (run.node_id, run_id(execution_id, run.index))]
    if not named:
        known = ", ".join(dict.fromkeys(run.node_id for run in forward)) or "none"
        detail = f"node {from_node!r} has not run in {execution_id}; there are: {known}"
        raise InvalidInput([{"detail": detail, "pointer": "/fromNode"}])
    return named


class _Adopted:
    """A row that is to be written, as ``compatibility`` reads a run."""

    def __init__(self, row: Row) -> None:
        self.index, self.node_id, self.kind, self.status = row["i"], row["node"], row["kind"], row["status"]
        self.scope, self.branch, self.next_node_id = row["scope"], row["branch"], row["next"]


def _store(begun: Start, key: str | None, again: Callable[[], Start] | None = None) -> Execution:
    """With the key, where no active execution has it."""
    if key is None:
        return store(begun, again)
    keyed = None if again is None else partial(_with_key, again, key)
    try:
        return store(replace(begun, key=key), keyed)
    except KeyConflict:
        return store(begun, again)


def _with_key(again: Callable[[], Start], key: str) -> Start:
    return replace(again(), key=key)


def _again(source: Execution, input: dict[str, Any] | None, version: Version) -> Start:
    stored = source.version
    real = plain_input(source)
    given = real if input is None else filled_in(input, real, source.input)
    kept = {"tags": source.tags, "priority": source.priority, "queue": source.queue}
    options: dict[str, Any] = {"input": given, **kept}
    if stored.workflow_id is None:
        if version not in ("original", "latest"):
            detail = "an inline definition has no versions"
            raise InvalidInput([{"detail": detail, "pointer": "/version"}])
        begun = intake.prepare(definition=stored.definition, **options)
    elif version == "latest":
        begun = intake.prepare(source.workflow_id, **options)
    else:
        number = stored.number if version == "original" else int(version)
        begun = intake.prepare(source.workflow_id, version=number, **options)
    return replace(begun, trigger=source.trigger)
