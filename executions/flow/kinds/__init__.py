"""What each kind of node does when the flow comes to it: one file a kind, one line here."""

from __future__ import annotations

from executions.flow.kinds import condition, delay, parallel, procedure, sequential, switch, trigger
from executions.flow.kinds.verdict import Attempt, Done, Kind, Open, Park, Resumes, Verdict

KINDS: dict[str, Kind] = {
    "procedure": procedure,
    "condition": condition,
    "switch": switch,
    "parallel": parallel,
    "sequential": sequential,
    "trigger": trigger,
    "delay": delay,
}

__all__ = ["KINDS", "Attempt", "Done", "Kind", "Open", "Park", "Resumes", "Verdict"]
