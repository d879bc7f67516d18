"""One execution, whole."""

from __future__ import annotations

from typing import Any

from executions import telemetry
from executions.errors import ExecutionNotFound
from executions.models import Execution, NodeRun
from executions.moments import iso
from executions.queries.documents import (
    Telling,
    anything,
    document,
    error,
    execution_time,
    nodes_executed,
    outputs,
    within,
)
from executions.queries.totals import total_of
from executions.queries.waiting import waiting


def execution_document(
    execution: Execution | str,
    *,
    spans: bool = True,
    inputs: bool = True,
    stack: bool = False,
    output_limit: int | None = None,
    reasons: bool = False,
) -> dict[str, Any]:
    """The contract's *Execution*. Raises ExecutionNotFound. ``reasons``: with why it waits.

    ``stack`` only for those who may see it; values above ``output_limit`` bytes are left out and said to be.
    The execution's row is read before its node runs, so these are never older than its ``last_seq``.
    """
    row = _with_version(execution)
    runs = _node_runs(row)
    why = waiting(row, runs) if reasons else None
    told = document(
        row,
        runs,
        number=row.version.number,
        total=total_of(row.version),
        telling=Telling(inputs=inputs, stack=stack, fits=within(output_limit) if output_limit else anything),
        spans=telemetry.spans(row, runs) if spans else [],
    )
    return told | ({"waiting": why} if why is not None else {})


def result_document(execution: Execution | str, *, stack: bool = False, spans: bool = True) -> dict[str, Any]:
    """What a caller that waited gets, and what ``workflow.result`` tells."""
    row = _with_version(execution)
    runs = _node_runs(row)
    found = error(row, stack=stack)
    return {
        "executionId": row.id,
        "status": row.status,
        **outputs(row, runs, anything),
        **({"error": found} if found is not None else {}),
        "executionTime": execution_time(row),
        "nodesExecuted": nodes_executed(runs),
        "spans": telemetry.spans(row, runs) if spans else [],
    }


def accepted_document(execution: Execution) -> dict[str, Any]:
    """What a caller gets who does not wait for the end."""
    told = {"executionId": execution.id, "workflowId": execution.workflow_id, "status": str(execution.status)}
    return told if execution.started_at is None else told | {"startTime": iso(execution.started_at)}


def _with_version(execution: Execution | str) -> Execution:
    if isinstance(execution, Execution):
        return execution
    found = Execution.objects.select_related("version").filter(pk=execution).first()
    if found is None:
        raise ExecutionNotFound(execution)
    return found


def _node_runs(execution: Execution) -> list[NodeRun]:
    return list(NodeRun.objects.filter(execution=execution).order_by("index"))
