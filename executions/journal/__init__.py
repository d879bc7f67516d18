"""Where transitions become rows: one statement, and a writer that commits what has come in meanwhile."""

from executions.journal.apply import apply
from executions.journal.writer import Journal

__all__ = ["Journal", "apply"]
