"""Whose transaction a verb is part of: the caller's on the engine's database, and nobody else's."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.db import connections

from executions.errors import ForeignTransaction

P = ParamSpec("P")
R = TypeVar("R")

USING = "default"
"""The database of everything that the engine stores."""


def refuse_foreign(verb: str) -> None:
    """Raises where the caller has a transaction on another database only: the verb is not part of it."""
    if connections[USING].in_atomic_block:
        return
    for connection in connections.all(initialized_only=True):
        if connection.in_atomic_block:
            raise ForeignTransaction(verb, connection.alias, USING)


def later(verb: Callable[P, R]) -> Callable[P, Coroutine[Any, Any, R]]:
    """The verb for async code."""

    @wraps(verb)
    async def asked(*given: P.args, **named: P.kwargs) -> R:
        return await sync_to_async(verb)(*given, **named)

    return asked
