"""How many nodes a version will run, remembered per process: content never changes."""

from __future__ import annotations

from collections.abc import Iterable

from executions.models import Execution
from workflows import library
from workflows.errors import InvalidDefinition
from workflows.models import WorkflowVersion

KEPT = 4096

_totals: dict[str, int | None] = {}
"""By content hash."""


def total_of(version: WorkflowVersion) -> int | None:
    """None where the graph has cycles, so that nobody knows beforehand."""
    if version.content_hash not in _totals:
        _remember([version])
    return _totals.get(version.content_hash)


def load_totals(executions: Iterable[Execution]) -> None:
    """Have the totals of these executions' versions: at most one query, none once they are known."""
    unknown = {
        execution.version_id for execution in executions if execution.version.content_hash not in _totals
    }
    if unknown:
        _remember(WorkflowVersion.objects.filter(pk__in=unknown))


def _remember(versions: Iterable[WorkflowVersion]) -> None:
    if len(_totals) > KEPT:
        _totals.clear()
    for version in versions:
        _totals[version.content_hash] = _total(version)


def _total(version: WorkflowVersion) -> int | None:
    try:
        definition = library.definition(version)
    except InvalidDefinition:  # stored under older rules: it is still told of
        return None
    return definition.node_count if definition.is_static else None
