"""Procedures in processes of their own, which can be killed; see ``docs/procedures.md``."""

from executions.executor.attempts.isolation.pool import Processes, Work

__all__ = ["Processes", "Work"]
