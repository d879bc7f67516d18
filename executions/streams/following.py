"""Following the log from Python: one execution to its end, or all of them, live."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import aclosing, suppress
from functools import partial
from itertools import islice
from typing import Any

from executions import notifications
from executions.conf import conf
from executions.errors import ExecutionNotFound
from executions.models import Execution
from executions.notifications import Ids
from executions.streams import hub, log
from executions.streams.log import Entry
from executions.streams.pending import Pending
from executions.streams.readers import Urgency, readers
from executions.streams.tail import Tail

Payload = dict[str, Any]


def follow(execution: Execution | str | None = None, after: int = 0) -> Generator[Payload]:
    """The payloads of one execution's log above ``after``, as they come; ends after the terminal event.

    Without ``execution``: those of all executions, from this call on, without end; each execution's in
    order and each once. Raises ExecutionNotFound.
    """
    if execution is None:
        tail = Tail()
        tail.start()
        return _closing(_Ear(), lambda ear: _all(tail, ear))
    execution_id = _id(execution)
    if execution_id not in log.heads([execution_id]):
        raise ExecutionNotFound(execution_id)
    return _closing(_Ear(execution_id), lambda ear: _one(execution_id, after, ear))


async def afollow(execution: Execution | str | None = None, after: int = 0) -> AsyncGenerator[Payload]:
    """``follow`` for a coroutine; "from this call on" is from the first step of the iteration."""
    source = _aall() if execution is None else _aone(_id(execution), after)
    async with aclosing(source):
        async for payload in source:
            yield payload


class _Ear:
    """Hears what is told of one execution, or of all, while somebody iterates."""

    def __init__(self, execution_id: str | None = None) -> None:
        self._bell = threading.Event()
        self._pending = Pending(self._bell.set, lambda id_: execution_id in (None, id_))
        self.close: Callable[[], None] = notifications.on_changed(self._pending.add)

    def wait(self) -> Ids:
        """The ids that were named; after a while, everything."""
        if not self._bell.wait(conf.STREAM_SWEEP_SECONDS):
            return None
        self._bell.clear()
        return self._pending.take()


def _closing(ear: _Ear, iterate: Callable[[_Ear], Generator[Payload]]) -> Generator[Payload]:
    """The ear is closed when the iteration ends, and also when nobody ever begins it."""
    following = iterate(ear)
    weakref.finalize(following, ear.close)
    return following


def _one(execution_id: str, after: int, ear: _Ear) -> Generator[Payload]:
    try:
        while True:
            for entry in _pages(execution_id, after):
                yield entry.payload
                if entry.is_terminal:
                    return
                after = entry.seq
            ear.wait()
    finally:
        ear.close()


def _pages(execution_id: str, after: int) -> Iterator[Entry]:
    while found := log.page(execution_id, after):
        yield from found
        after = found[-1].seq


def _all(tail: Tail, ear: _Ear) -> Generator[Payload]:
    try:
        while True:
            for _, entry in tail.read(ear.wait()):
                yield entry.payload
    finally:
        ear.close()


async def _aone(execution_id: str, after: int) -> AsyncGenerator[Payload]:
    bell = asyncio.Event()
    with hub.current().watching(execution_id, bell, frames=False):
        if execution_id not in await readers.run(Urgency.LOG, log.heads, [execution_id]):
            raise ExecutionNotFound(execution_id)
        while True:
            while found := await readers.run(Urgency.LOG, log.page, execution_id, after):
                for entry in found:
                    yield entry.payload
                after = found[-1].seq
                if found[-1].is_terminal:
                    return
            await bell.wait()
            bell.clear()


async def _aall() -> AsyncGenerator[Payload]:
    tail, bell, loop = Tail(), asyncio.Event(), asyncio.get_running_loop()
    pending = Pending(partial(_ring, loop, bell))
    unsubscribe = notifications.on_changed(pending.add)
    try:
        await readers.run(Urgency.LOG, tail.start)
        while True:
            reading = tail.read(await _heard(bell, pending))
            while found := await readers.run(Urgency.LOG, lambda: list(islice(reading, log.PAGE))):  # noqa: B023
                for _, entry in found:
                    yield entry.payload
    finally:
        unsubscribe()


def _ring(loop: asyncio.AbstractEventLoop, bell: asyncio.Event) -> None:
    with suppress(RuntimeError):  # the loop is closed, and nobody iterates
        loop.call_soon_threadsafe(bell.set)


async def _heard(bell: asyncio.Event, pending: Pending) -> Ids:
    with suppress(TimeoutError):
        async with asyncio.timeout(conf.STREAM_SWEEP_SECONDS):
            await bell.wait()
            bell.clear()
            return pending.take()
    return None


def _id(execution: Execution | str) -> str:
    return execution.pk if isinstance(execution, Execution) else execution
