"""The kinds of nodes that a definition may have: one file a kind, one line here."""

from __future__ import annotations

from workflows.kinds import (
    condition,
    dag,
    delay,
    loop,
    map,
    parallel,
    procedure,
    sequential,
    subworkflow,
    switch,
    trigger,
    wait,
)
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
        wait.KIND,
        map.KIND,
        loop.KIND,
        subworkflow.KIND,
        dag.KIND,
    )
}

__all__ = ["KINDS", "Kind"]
