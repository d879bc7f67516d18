"""Executions and their history, to look at; operated by the same verbs as elsewhere."""

from __future__ import annotations

from executions.admin.executions import ExecutionAdmin
from executions.admin.history import CommandAdmin, EventAdmin, ExecutorAdmin, NodeRunAdmin

__all__ = ["CommandAdmin", "EventAdmin", "ExecutionAdmin", "ExecutorAdmin", "NodeRunAdmin"]
