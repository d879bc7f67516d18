"""One call of user code, from the input to the outcome: in a thread, on the loop, or in a process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from asgiref.sync import SyncToAsync, ThreadSensitiveContext
from django.db import close_old_connections, connections

from executions.executor.attempts.endings import completed, failed
from executions.flow.outcomes import Outcome, Stopped
from executions.telemetry import attempt_context
from executions.vault.known import Secrets
from procedures import Context, Procedure


class Invocation(NamedTuple):
    """``span``: the ids of the trace and of the span that the attempt is."""

    procedure: Procedure
    arguments: dict[str, Any]
    context: Callable[[], Context]
    span: tuple[str, str]
    secrets: Secrets | None = None
    """What must not be seen in what user code tells."""

    def bound(self) -> dict[str, Any]:
        """The handler's keyword arguments. Raises ``InvalidInput``."""
        context = self.context() if self.procedure.wants_context else None
        return self.procedure.bind(self.arguments, context)


class _OwnThread(ThreadSensitiveContext):
    """A thread for what one async call does in ``sync_to_async``, as all of Django's async ORM does.

    At the end its connections are closed in it, and nobody waits for that.
    """

    async def __aexit__(self, *failure: Any) -> None:
        thread: Any = SyncToAsync.context_to_thread_executor.pop(self, None)
        if thread is not None:
            thread.submit(connections.close_all)
            thread.shutdown(wait=False)
        await super().__aexit__(*failure)


def invoked(call: Invocation) -> Outcome:
    """Of a sync handler. Raises what goes wrong with its connections afterwards."""
    with attempt_context(*call.span, call.secrets) as span, own_connections():
        try:
            answer = call.procedure.handler(**call.bound())
            return completed(call.procedure, answer, span.collected())
        except BaseException as error:
            return failed(error, span.collected())


async def ainvoked(call: Invocation) -> Outcome:
    """Of an async handler; one that is cancelled has stopped."""
    with attempt_context(*call.span, call.secrets) as span:
        try:
            async with _OwnThread():
                answer = await call.procedure.handler(**call.bound())
            return completed(call.procedure, answer, span.collected())
        except asyncio.CancelledError:
            return Stopped(spans=span.collected())
        except (Exception, SystemExit) as error:
            return failed(error, span.collected())


@contextmanager
def own_connections() -> Iterator[None]:
    """As around a request: no broken or too old connection comes in, none stays."""
    close_old_connections()
    try:
        yield
    finally:
        close_old_connections()
