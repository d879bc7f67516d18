"""An execution's node runs in outline: which nodes were reached, and where each stands. One light query."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from executions.models import Execution, NodeRun
from executions.states import ExecutionStatus, NodeStatus

PARKED = (NodeStatus.RETRYING, NodeStatus.WAITING)


@dataclass(frozen=True, slots=True)
class Outline:
    runs: list[tuple[int, str, str]]
    """``(index, node id, status)`` of every run, in the order in which they were reached."""
    has_children: bool = False
    """Whether it may have started other executions."""

    @classmethod
    def of(cls, execution: Execution) -> Outline:
        found = NodeRun.objects.filter(execution=execution).order_by("index")
        rows = list(found.values_list("index", "node_id", "status", "kind"))
        return cls([row[:3] for row in rows], any(row[3] == "subworkflow" for row in rows))

    @property
    def parked(self) -> int:
        return sum(status in PARKED for _, _, status in self.runs)

    @property
    def executed(self) -> int:
        return sum(status != NodeStatus.PENDING for _, _, status in self.runs)

    @property
    def latest(self) -> dict[str, str]:
        """By node id the status of its last run, in the order of the first."""
        return {node_id: status for _, node_id, status in self.runs}

    def node_of(self, index: int) -> str:
        """Runs are numbered from 0 without a gap."""
        return self.runs[index][1] if 0 <= index < len(self.runs) else ""

    @property
    def times(self) -> Counter[str]:
        return Counter(node_id for _, node_id, _ in self.runs)

    @property
    def repeats(self) -> set[str]:
        """Nodes that ran more than once."""
        return {node_id for node_id, count in self.times.items() if count > 1}

    @property
    def by_status(self) -> list[tuple[str, int]]:
        return Counter(status for _, _, status in self.runs).most_common()

    def most_telling(self, execution: Execution) -> str:
        """The node to open the page on: what failed, or what is waited for; empty for neither."""
        if execution.status in (ExecutionStatus.FAILED, ExecutionStatus.TIMED_OUT):
            culprit = (execution.error or {}).get("nodeId")
            return culprit or self._first(NodeStatus.FAILED) or self._first(NodeStatus.CANCELLED)
        if execution.status in (ExecutionStatus.WAITING, ExecutionStatus.PAUSED):
            return self._first(*PARKED)
        return ""

    def _first(self, *statuses: str) -> str:
        return next((node_id for _, node_id, status in self.runs if status in statuses), "")
