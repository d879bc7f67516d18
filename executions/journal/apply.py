"""Writing transitions on a Django connection, inside the caller's own transaction."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connections

from executions.journal.statement import SQL, parameters
from executions.transitions import Transition


def apply(batch: Sequence[Transition], using: str = "default") -> set[str]:
    """The ids of the executions that moved, or were created; the others' guards refused."""
    with connections[using].cursor() as cursor:
        cursor.execute(SQL, parameters(batch))
        return {row[0] for row in cursor.fetchall()}
