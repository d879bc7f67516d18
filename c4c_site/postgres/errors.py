"""What can go wrong with the embedded server, said to its user."""

from __future__ import annotations

from django.db.utils import OperationalError


class ServerError(OperationalError):
    """The embedded PostgreSQL cannot be had; the message says why and what to do."""
