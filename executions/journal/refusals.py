"""What a failed statement says: these rows cannot be written, or the database cannot serve just now."""

from __future__ import annotations

import psycopg

LATER = frozenset({"08", "25", "26", "40", "53", "55", "57", "58"})
"""Classes of SQLSTATE that pass: connection, read-only (a failover), lost prepared statements, deadlock,
resources, locks, the operator's intervention, the machine."""


def is_refusal(error: Exception) -> bool:
    """Whether it is about the rows, so that trying again comes to the same."""
    if isinstance(error, psycopg.Error):
        return error.sqlstate is not None and error.sqlstate[:2] not in LATER
    # What cannot be encoded as JSON was never sent.
    return isinstance(error, TypeError | ValueError)
