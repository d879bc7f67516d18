"""django-eventstream's own parts over our log, so that its stock views and ``send_event`` keep working.

Settings: ``EVENTSTREAM_CHANNELMANAGER_CLASS = "executions.streams.stock.ChannelManager"`` and
``EVENTSTREAM_STORAGE_CLASS = "executions.streams.stock.LogStorage"``. A channel that is an execution's id is
that execution's log; any other channel is the third party's own, live only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from django.core.exceptions import SynchronousOnlyOperation
from django_eventstream.channelmanager import DefaultChannelManager
from django_eventstream.event import Event as StockEvent
from django_eventstream.storage import EventDoesNotExist, StorageBase
from django_eventstream.views import get_listener_manager

from executions.models import Execution
from executions.permissions import may
from executions.streams import log
from executions.streams.frames import Frame, dumps


class ChannelManager(DefaultChannelManager):
    """Who may read a channel: whoever may view executions."""

    def can_read_channel(self, user: Any, channel: str) -> bool:
        return may(user, "view")

    def is_channel_reliable(self, channel: str) -> bool:
        """Whether the channel is an execution's log. In a coroutine: no, for it cannot be asked."""
        try:
            return Execution.objects.filter(pk=channel).exists()
        except SynchronousOnlyOperation:
            return False


class LogStorage(StorageBase):
    """Reads executions' logs; only the engine writes them."""

    def append_event(self, channel: str, event_type: str, data: Any) -> StockEvent:
        raise ValueError(f"channel '{channel}' is an execution's log: only the engine writes it")

    def get_events(self, channel: str, last_id: int, limit: int = 100) -> list[StockEvent]:
        current = self.get_current_id(channel)
        if not 0 <= last_id <= current:
            raise EventDoesNotExist(f"{channel} has no event {last_id}", current)
        found = log.entries({channel: last_id}, limit=limit).get(channel, [])
        _floors[channel] = found[-1].seq if found else last_id
        _call_hub(channel)
        return [StockEvent(channel, entry.type, dumps(entry.payload), id=entry.seq) for entry in found]

    def get_current_id(self, channel: str) -> int:
        head = log.heads([channel]).get(channel)
        _floors[channel] = 0 if head is None else head.last_seq
        _call_hub(channel)
        return _floors[channel]


def listened() -> set[str]:
    """Channels that stock views listen to."""
    return set(get_listener_manager().listeners_by_channel)


def floor(channel: str) -> int | None:
    """Up to where stock views have read the channel's log themselves."""
    return _floors.get(channel)


def forget(channel: str) -> None:
    _floors.pop(channel, None)


def tell(channel: str, frames: Iterable[Frame]) -> None:
    """Hand new events to the stock listeners of a channel."""
    manager = get_listener_manager()
    if channel not in manager.listeners_by_channel:
        return
    for frame in frames:
        manager.add_to_queues(channel, StockEvent(channel, frame.type, frame.data, id=frame.seq))


def on_listener(callback: Callable[[], None]) -> None:
    """Called on a stock listener's event loop when it has read the log."""
    _callbacks[:] = [callback]


_floors: dict[str, int] = {}
_callbacks: list[Callable[[], None]] = []


def _call_hub(channel: str) -> None:
    listeners = list(get_listener_manager().listeners_by_channel.get(channel, ()))
    loops: set[asyncio.AbstractEventLoop] = {listener.loop for listener in listeners}
    for loop in loops:
        for callback in _callbacks:
            loop.call_soon_threadsafe(callback)
