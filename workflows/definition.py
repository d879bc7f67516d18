"""Documents to definitions and back: the door to this app for whoever runs workflows."""

from __future__ import annotations

from typing import Any

from workflows.errors import InvalidDefinition, Problem
from workflows.kinds.condition import ConditionNode
from workflows.kinds.dag import DagNode, Task
from workflows.kinds.delay import DelayNode
from workflows.kinds.loop import LoopNode
from workflows.kinds.map import MapNode
from workflows.kinds.parallel import ParallelNode
from workflows.kinds.procedure import ProcedureNode
from workflows.kinds.sequential import SequentialNode
from workflows.kinds.subworkflow import SubworkflowNode
from workflows.kinds.switch import SwitchNode
from workflows.kinds.trigger import TriggerNode
from workflows.kinds.wait import WaitNode
from workflows.policies import Concurrency, Join, Limits, Rate, RetryPolicy, Timeout
from workflows.structure import Definition, Edge, Node
from workflows.validation import validated

__all__ = [
    "Concurrency",
    "ConditionNode",
    "DagNode",
    "Definition",
    "DelayNode",
    "Edge",
    "InvalidDefinition",
    "Join",
    "Limits",
    "LoopNode",
    "MapNode",
    "Node",
    "ParallelNode",
    "Problem",
    "ProcedureNode",
    "Rate",
    "RetryPolicy",
    "SequentialNode",
    "SubworkflowNode",
    "SwitchNode",
    "Task",
    "Timeout",
    "TriggerNode",
    "WaitNode",
    "dump",
    "parse",
]


def parse(document: dict[str, Any]) -> Definition:
    """Raises InvalidDefinition with all problems at once. The document is not to be changed afterwards."""
    return validated(document)


def dump(definition: Definition) -> dict[str, Any]:
    """The document as its author wrote it."""
    return dict(definition.document)
