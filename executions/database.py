"""Plain psycopg connections to the database that Django's settings name."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import psycopg
from django.db import connections, transaction
from psycopg import AsyncConnection, Connection, pq

KEEPALIVE = {
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
    "connect_timeout": 10,
}
"""So that a peer that has gone without a word is noticed; the settings' own values stand."""

UNAVAILABLE = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError, OSError)
"""The database cannot be reached, or cannot serve just now (starting, stopping, read-only)."""


def parameters(using: str = "default") -> dict[str, Any]:
    """What of Django's parameters is libpq's; the rest is about Django's own use of its connections."""
    found = connections[using].get_connection_params()
    return {**KEEPALIVE, **{name: value for name, value in found.items() if name in _libpq()}}


def connect(name: str, using: str = "default") -> Connection:
    """An own connection in autocommit, outside Django's management; the caller closes it."""
    return Connection.connect(**{**parameters(using), "application_name": name}, autocommit=True)


async def aconnect(name: str, session: str = "", using: str = "default") -> AsyncConnection:
    """The same for a loop; ``session`` is executed at once."""
    told = {**parameters(using), "application_name": name}
    connection = await AsyncConnection.connect(**told, autocommit=True)
    try:
        if session:
            await connection.execute(session)
    except BaseException:
        await connection.close()
        raise
    return connection


def by_itself(view: Callable[..., Any]) -> Callable[..., Any]:
    """A view that makes its own transactions, or none as it is async, also under ``ATOMIC_REQUESTS``."""
    for alias in connections:
        view = transaction.non_atomic_requests(alias)(view)
    return view


@cache
def _libpq() -> frozenset[str]:
    return frozenset(option.keyword.decode() for option in pq.Conninfo.get_defaults())
