"""What each kind of node does when the flow comes to it: one file a kind, one line here."""

from __future__ import annotations

from executions.flow.kinds import (
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
from executions.flow.kinds.verdict import (
    Attempt,
    Done,
    Kind,
    Open,
    Opens,
    Park,
    Refused,
    Resumes,
    Skip,
    Verdict,
)

KINDS: dict[str, Kind] = {
    "procedure": procedure,
    "condition": condition,
    "switch": switch,
    "parallel": parallel,
    "sequential": sequential,
    "trigger": trigger,
    "delay": delay,
    "wait": wait,
    "map": map,
    "loop": loop,
    "dag": dag,
    "subworkflow": subworkflow,
}

__all__ = [
    "KINDS",
    "Attempt",
    "Done",
    "Kind",
    "Open",
    "Opens",
    "Park",
    "Refused",
    "Resumes",
    "Skip",
    "Verdict",
]
