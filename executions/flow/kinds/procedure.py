from datetime import datetime
from typing import Any

from executions.flow.kinds.verdict import Attempt
from executions.flow.state import Flow, Run
from executions.flow.values import problem
from procedures import registry
from workflows.expressions import ExpressionError

MASK = "***"
KEY_LENGTH = 200


def start(flow: Flow, run: Run, now: datetime) -> Attempt:
    """Make the input: the configuration, then what the contract lacks from the variables by name."""
    contract = registry.get(run.node.procedure or "").contract
    arguments: dict[str, Any] = dict(resolved(flow, run))
    variables = run.frame.vars
    for name in contract.fields:
        if name not in arguments and name in variables:
            arguments[name] = variables[name]
    run.arguments, run.key = arguments, _key(flow, run)
    run.input = masked(arguments, contract.secrets) if contract.secrets else arguments
    flow.secrets.learn([arguments[name] for name in contract.secrets if name in arguments])
    return Attempt()


def _key(flow: Flow, run: Run) -> str | None:
    if run.node.key is None:
        return None
    found = run.node.key.evaluate(flow.scope_of(run.frame))
    told = found if isinstance(found, str) else str(found)
    if found is None or not 1 <= len(told) <= KEY_LENGTH:
        raise ExpressionError(f"key: expected a text of 1 to {KEY_LENGTH} characters, got {found!r}")
    return told


def resolved(flow: Flow, run: Run) -> dict[str, Any]:
    """Raises ExpressionError."""
    config = run.node.config
    if config.is_constant:
        constant: dict[str, Any] = config.value
        return constant
    found: dict[str, Any] = config.resolve(flow.scope_of(run.frame))
    wrong = problem(found)
    if wrong is not None:
        raise ExpressionError(f"config: {wrong}")
    return found


def masked(arguments: dict[str, Any], secrets: frozenset[str]) -> dict[str, Any]:
    return {name: MASK if name in secrets else value for name, value in arguments.items()}
