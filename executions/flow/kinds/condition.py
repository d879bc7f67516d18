from datetime import datetime

from executions.flow.kinds.verdict import Done
from executions.flow.state import Flow, Run
from workflows.definition import ConditionNode


def start(flow: Flow, run: Run, now: datetime) -> Done:
    """Take the branch that the expression chooses; a condition has no output."""
    node = run.node
    assert isinstance(node, ConditionNode)
    holds = node.expression.truth(flow.scope_of(run.frame))
    return Done(next_id=node.true_branch if holds else node.false_branch)
