"""*Retrying*: an execution that only waits to try a node again is seen, filtered and counted as such."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Exists, OuterRef
from django.http import QueryDict

from executions.models import Execution, ExecutionQuerySet, NodeRun
from executions.queries import Filters
from executions.states import ExecutionStatus, NodeStatus

COUNTED_AMONG = 10_000
"""Waiting executions among which those that retry are counted; with more of them there is no count."""


def shown_status(status: str, of_nodes: Iterable[str]) -> str:
    """The status as pages tell it."""
    waits = status == ExecutionStatus.WAITING
    return NodeStatus.RETRYING if waits and NodeStatus.RETRYING in of_nodes else status


@dataclass(frozen=True, slots=True)
class PageFilters(Filters):
    """The contract's filters, and ``retrying=1``."""

    retrying: bool = False

    @classmethod
    def of(cls, query: QueryDict) -> Filters:
        """Raises InvalidFilter."""
        read = Filters.read(query)
        if not query.get("retrying"):
            return read
        return cls(**{name: getattr(read, name) for name in Filters.__slots__}, retrying=True)

    def apply(self, executions: ExecutionQuerySet) -> ExecutionQuerySet:
        return retrying(Filters.apply(self, executions))


def retrying(executions: ExecutionQuerySet) -> ExecutionQuerySet:
    again = NodeRun.objects.filter(execution=OuterRef("pk"), status=NodeStatus.RETRYING)
    return executions.filter(Exists(again), status=ExecutionStatus.WAITING)


def how_many(waiting: int) -> int | None:
    """``waiting``: how many executions wait at all. None where counting would cost too much."""
    if waiting > COUNTED_AMONG:
        return None
    return retrying(Execution.objects.all()).count() if waiting else 0
