from datetime import datetime
from typing import Any

from executions.flow.kinds.verdict import Attempt, Refused
from executions.flow.state import Flow, Run
from executions.flow.values import problem
from workflows.definition import SubworkflowNode


def start(flow: Flow, run: Run, now: datetime) -> Attempt:
    """Have another execution started, and wait for its end."""
    node, scope = run.node, flow.scope_of(run.frame)
    assert isinstance(node, SubworkflowNode)
    workflow, given = node.workflow.resolve(scope), node.input.resolve(scope)
    if not isinstance(workflow, str):
        raise Refused("ExpressionError", f"workflowId: expected a text, got {workflow!r}")
    if not isinstance(given, dict):
        raise Refused("ExpressionError", f"input: expected an object, got {given!r}")
    wrong = problem(given)
    if wrong is not None:
        raise Refused("ExpressionError", f"input: {wrong}")
    run.arguments = {"workflowId": workflow, "input": given, "version": node.version}
    run.input = {"workflowId": workflow, "input": given}
    return Attempt()


def added(run: Run) -> Any:
    """What its end adds to the variables."""
    node = run.node
    assert isinstance(node, SubworkflowNode)
    return run.output["outputs"] if node.merge_outputs and isinstance(run.output, dict) else None
