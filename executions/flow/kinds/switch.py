from datetime import datetime

from executions.flow.kinds.verdict import Done
from executions.flow.state import Flow, Run
from workflows.definition import SwitchNode


def start(flow: Flow, run: Run, now: datetime) -> Done:
    """Take the first case that holds, else the default, else end the line."""
    node, scope = run.node, flow.scope_of(run.frame)
    assert isinstance(node, SwitchNode)
    for when, target in node.cases:
        if when.truth(scope):
            return Done(next_id=target)
    return Done(next_id=node.default)
