"""Documents to definitions and back: the door to this app for whoever runs workflows."""

from __future__ import annotations

from typing import Any

from workflows.errors import InvalidDefinition, Problem
from workflows.kinds.condition import ConditionNode
from workflows.kinds.delay import DelayNode
from workflows.kinds.parallel import ParallelNode
from workflows.kinds.procedure import ProcedureNode
from workflows.kinds.sequential import SequentialNode
from workflows.kinds.switch import SwitchNode
from workflows.kinds.trigger import TriggerNode
from workflows.policies import Join, Limits, RetryPolicy, Timeout
from workflows.structure import Definition, Edge, Node
from workflows.validation import validated

__all__ = [
    "ConditionNode",
    "Definition",
    "DelayNode",
    "Edge",
    "InvalidDefinition",
    "Join",
    "Limits",
    "Node",
    "ParallelNode",
    "Problem",
    "ProcedureNode",
    "RetryPolicy",
    "SequentialNode",
    "SwitchNode",
    "Timeout",
    "TriggerNode",
    "dump",
    "parse",
]


def parse(document: dict[str, Any]) -> Definition:
    """Raises InvalidDefinition with all problems at once. The document is not to be changed afterwards."""
    return validated(document)


def dump(definition: Definition) -> dict[str, Any]:
    """The document as its author wrote it."""
    return dict(definition.document)
