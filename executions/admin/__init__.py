"""Executions and their history, to look at; operated by the same verbs as elsewhere."""

from __future__ import annotations

from executions.admin.control import (
    BulkOperationAdmin,
    EmissionAdmin,
    LaneAdmin,
    LetterAdmin,
    QueueAdmin,
    SlotAdmin,
)
from executions.admin.executions import ExecutionAdmin
from executions.admin.history import CommandAdmin, EventAdmin, ExecutorAdmin, NodeRunAdmin

__all__ = [
    "BulkOperationAdmin",
    "CommandAdmin",
    "EmissionAdmin",
    "EventAdmin",
    "ExecutionAdmin",
    "ExecutorAdmin",
    "LaneAdmin",
    "LetterAdmin",
    "NodeRunAdmin",
    "QueueAdmin",
    "SlotAdmin",
]
