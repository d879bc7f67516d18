"""How many nodes a version will run."""

from __future__ import annotations

from collections.abc import Iterable

from executions.models import Execution
from workflows.models import WorkflowVersion


def total_of(version: WorkflowVersion) -> int | None:
    return load_totals([Execution(version_id=version.pk)])[version.pk]


def load_totals(executions: Iterable[Execution]) -> dict[int, int | None]:
    """By version id; None where nobody knows beforehand."""
    return {execution.version_id: None for execution in executions}
