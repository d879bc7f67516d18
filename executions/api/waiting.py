"""Waiting for an execution's end without holding anything that others need."""

from __future__ import annotations

from asgiref.sync import SyncToAsync


def give_thread_back() -> None:
    """End the thread that Django keeps for this request; the next sync call gets a new one.

    Django's ASGI handler opens a ``ThreadSensitiveContext`` per request, whose thread would idle until then.
    """
    context = SyncToAsync.thread_sensitive_context.get(None)
    executor = SyncToAsync.context_to_thread_executor.pop(context, None) if context else None
    if executor is not None:
        executor.shutdown(wait=False)
