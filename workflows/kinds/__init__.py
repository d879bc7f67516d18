"""The kinds of nodes that a definition may have: one file a kind, one line here."""

from __future__ import annotations

from workflows.kinds import condition, delay, parallel, procedure, sequential, switch, trigger
from workflows.kinds.kind import Kind

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        procedure.KIND,
        condition.KIND,
        switch.KIND,
        parallel.KIND,
        sequential.KIND,
        trigger.KIND,
        delay.KIND,
    )
}

LATER = frozenset({"wait", "map", "loop", "subworkflow", "dag"})
"""Named by the contract, not built yet."""

__all__ = ["KINDS", "LATER", "Kind"]
