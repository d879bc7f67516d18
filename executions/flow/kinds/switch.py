from datetime import datetime

from executions.flow.kinds.verdict import Done
from executions.flow.state import Flow, Run


def start(flow: Flow, run: Run, now: datetime) -> Done:
    """Take the first case that holds, else the default, else end the line."""
    scope = flow.scope_of(run.frame)
    for when, target in run.node.cases:
        if when.truth(scope):
            return Done(next_id=target)
    return Done(next_id=run.node.default)
