from datetime import datetime

from executions.flow.kinds.verdict import Open
from executions.flow.state import Flow, Run


def start(flow: Flow, run: Run, now: datetime) -> Open:
    """Open a line for each branch; the join is the scope's."""
    return Open(run.node.branches)
