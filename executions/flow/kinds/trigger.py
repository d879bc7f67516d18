from datetime import datetime

from executions.flow.kinds.verdict import Done
from executions.flow.state import Flow, Run
from executions.moments import iso


def start(flow: Flow, run: Run, now: datetime) -> Done:
    """Tell what started the execution."""
    event = flow.input.get("webhook") or flow.input.get("trigger") or {}
    output = {"triggerId": run.node.procedure, "timestamp": iso(now), "event": event}
    return Done(output, run.node.next)
