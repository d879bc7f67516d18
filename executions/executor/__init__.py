"""The process that drives executions."""

from executions.executor.service import Executor, running

__all__ = ["Executor", "running"]
