"""One reader of the log per web process, for all its viewers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from weakref import WeakKeyDictionary

from executions import notifications
from executions.conf import conf
from executions.notifications import Ids
from executions.streams import log, stock
from executions.streams.boards import Boards
from executions.streams.channel import Channel
from executions.streams.feed import Feed
from executions.streams.frames import Frame, frame
from executions.streams.pending import Pending
from executions.streams.readers import Urgency, readers

LINGER = 5.0
"""Seconds that the hub goes on after its last viewer: many come back at once."""
logger = logging.getLogger("c4c.streams")


class Hub:
    """Belongs to one event loop; runs while somebody watches.

    It looks at executions that a notification names, and every ``STREAM_SWEEP_SECONDS`` at all that are
    watched, so that a lost notification costs a second and nothing else.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._bell = asyncio.Event()
        self._channels: dict[str, Channel] = {}
        self._pending = Pending(self._ring, self._wants)
        self._task: asyncio.Task[None] | None = None
        self._idle_since = self._loop.time()
        self._forget: Callable[[], None] = lambda: None
        self.feed = Feed()
        self.boards = Boards(self.wake)
        self.waiters = 0
        self._stock: dict[str, ExitStack] = {}

    @contextmanager
    def watching(self, execution_id: str, bell: asyncio.Event, *, frames: bool = True) -> Iterator[Channel]:
        """The channel of an execution, which need not exist yet; ``bell`` is set when it has news."""
        channel = self._channels.setdefault(execution_id, Channel(execution_id))
        channel.bells.add(bell)
        channel.readers += frames
        channel.untold = True
        self.wake()
        self._pending.add(frozenset([execution_id]))
        try:
            yield channel
        finally:
            channel.bells.discard(bell)
            channel.readers -= frames
            if not channel.bells:
                del self._channels[execution_id]

    @contextmanager
    def watching_all(self, bell: asyncio.Event) -> Iterator[Feed]:
        """What happens to any execution from now on."""
        with self.feed.heard_by(bell):
            self.wake()
            yield self.feed

    async def page(self, execution_id: str, after: int) -> list[Frame]:
        """The next frames from the log itself."""
        return await readers.run(Urgency.LOG, _page, execution_id, after)

    async def stop(self) -> None:
        """Read no more; viewers that are there are told nothing further."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _wants(self, execution_id: str) -> bool:
        return self.feed.is_heard or self.boards.are_seen or execution_id in self._channels

    def wake(self) -> None:
        """Somebody may have come: run, if it rests."""
        self._idle_since = self._loop.time()
        if self._task is None:
            self._forget = notifications.on_changed(self._pending.add)
            self._task = self._loop.create_task(self._run())

    def _ring(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._bell.set)
        except RuntimeError:  # the loop is closed: the process ends
            self._forget()

    async def _run(self) -> None:
        try:
            while self._is_used():
                await self._turn()
        finally:
            self._forget()
            self._task = None

    async def _turn(self) -> None:
        swept = self._loop.time()
        ids: Ids = None
        while self._is_used():
            try:
                await self._look(ids)
            except Exception as error:
                logger.warning("the log cannot be read, trying again: %r", error)
                await asyncio.sleep(conf.STREAM_SWEEP_SECONDS)
                return
            if not await self._heard(swept + conf.STREAM_SWEEP_SECONDS):
                return
            ids = self._pending.take()

    async def _heard(self, until: float) -> bool:
        """Whether a notification came before it was time to look at everything."""
        try:
            async with asyncio.timeout_at(until):
                await self._bell.wait()
        except TimeoutError:
            return False
        self._bell.clear()
        return True

    def _is_used(self) -> bool:
        self._join_stock()
        if self._channels or self.feed.is_heard or self.boards.are_seen:
            self._idle_since = self._loop.time()
        return self._loop.time() - self._idle_since < LINGER

    def _join_stock(self) -> None:
        """Watch what django-eventstream's own views listen to, for them."""
        listened = stock.listened()
        for execution_id in self._stock.keys() - listened:
            self._stock.pop(execution_id).close()
            stock.forget(execution_id)
        for execution_id in listened - self._stock.keys():
            self._stock[execution_id] = watch = ExitStack()
            channel = watch.enter_context(self.watching(execution_id, asyncio.Event()))
            channel.start_from(stock.floor(execution_id))

    async def _look(self, ids: Ids) -> None:
        if ids is None or ids:
            self.boards.changed(certain=ids is not None)
        await self._look_at_channels(ids)
        if self.feed.is_heard and (ids is None or ids):
            heard = await readers.run(Urgency.LOG, self.feed.read, ids)
            if self.feed.append(heard):
                self.boards.changed(certain=True)

    async def _look_at_channels(self, ids: Ids) -> None:
        watched = list(self._channels) if ids is None else [id_ for id_ in ids if id_ in self._channels]
        if not watched:
            return
        heads = await readers.run(Urgency.LOG, log.heads, watched)
        channels = {id_: self._channels[id_] for id_ in watched if id_ in self._channels}
        behind = {id_: found.head or 0 for id_, found in channels.items() if found.see(heads.get(id_))}
        if behind:
            await self._read(behind)
        for channel in channels.values():
            channel.tell()

    async def _read(self, behind: dict[str, int]) -> None:
        found = await readers.run(Urgency.LOG, _frames, behind)
        for execution_id, frames in found.items():
            channel = self._channels.get(execution_id)
            if channel is not None and channel.head == behind[execution_id]:
                channel.append(frames)
                stock.tell(execution_id, frames)
            if len(frames) == log.PAGE:
                self._pending.add(frozenset([execution_id]))


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def current() -> Hub:
    """The hub of the running event loop: one per web process."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub()
    return _hubs[loop]


def _serve_stock() -> None:
    current().wake()


stock.on_listener(_serve_stock)


def _page(execution_id: str, after: int) -> list[Frame]:
    return [frame(entry) for entry in log.page(execution_id, after)]


def _frames(behind: dict[str, int]) -> dict[str, list[Frame]]:
    return {id_: [frame(entry) for entry in found] for id_, found in log.entries(behind).items()}
