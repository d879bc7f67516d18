"""Plain psycopg connections to the database that Django's settings name."""

from __future__ import annotations

from typing import Any

from django.db import connections
from psycopg import AsyncConnection, Connection

LIBPQ = ("host", "port", "user", "password", "dbname", "service", "passfile", "sslmode", "sslcert", "sslkey", "sslrootcert")
"""What of Django's parameters is libpq's; the rest is about Django's own use of its connections."""
KEEPALIVE = {"keepalives_idle": 15, "keepalives_interval": 5, "keepalives_count": 3, "connect_timeout": 10}


def parameters(using: str = "default") -> dict[str, Any]:
    found = connections[using].get_connection_params()
    return {**KEEPALIVE, **{name: found[name] for name in LIBPQ if name in found}}


def connect(name: str, using: str = "default") -> Connection:
    """An own connection in autocommit, outside Django's management; the caller closes it."""
    return Connection.connect(**parameters(using), autocommit=True, application_name=name)


async def aconnect(name: str, using: str = "default") -> AsyncConnection:
    return await AsyncConnection.connect(**parameters(using), autocommit=True, application_name=name)
