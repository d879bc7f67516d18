"""Holding nothing that others need while a request waits."""

from __future__ import annotations

from asgiref.sync import SyncToAsync, sync_to_async
from django.db import connections


async def hold_nothing() -> None:
    """Give back the request's database connections and its thread; the next sync call gets new ones.

    Django's ASGI handler opens a ``ThreadSensitiveContext`` per request, whose thread would idle until then,
    and whatever was called in it may have left a connection there.
    """
    await sync_to_async(give_connections_back)()
    context = SyncToAsync.thread_sensitive_context.get(None)
    executor = SyncToAsync.context_to_thread_executor.pop(context, None) if context else None
    if executor is not None:
        executor.shutdown(wait=False)


def give_connections_back() -> None:
    """To the pool, or to the server. Not inside a transaction: then the caller (a test) holds it."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()
