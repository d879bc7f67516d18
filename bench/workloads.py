"""The three workloads. A step does next to nothing: what is measured is durability."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Workload:
    name: str
    title: str
    steps: int
    """Durable steps of one execution; a join is not counted."""
    parallel: bool = False


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("seq3", "3 sequential steps", 3),
        Workload("seq10", "10 sequential steps", 10),
        Workload("par10", "10 parallel steps + join", 10, parallel=True),
    )
}

IN_FLIGHT = 200
"""Executions under way at once while throughput is measured: the same for every system."""
