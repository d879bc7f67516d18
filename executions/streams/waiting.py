"""Waiting for an execution's end without a thread or a database connection."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from executions.conf import conf
from executions.states import ExecutionStatus
from executions.streams import hub
from executions.streams.channel import Channel

PARKED = frozenset({ExecutionStatus.WAITING, ExecutionStatus.PAUSED})


async def wait_terminal(execution_id: str, timeout: float) -> bool:
    """Whether the execution ended within ``timeout`` seconds.

    False at once, too, when it is parked (waiting, paused), and when more than ``MAX_WAITERS`` wait already.
    The caller gives its database connection back before it waits.
    """
    here = hub.current()
    if here.waiters >= conf.MAX_WAITERS:
        return False
    here.waiters += 1
    try:
        bell = asyncio.Event()
        with here.watching(execution_id, bell, frames=False) as channel:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await _settled(channel, bell)
            return channel.status is not None and channel.status.is_terminal
    finally:
        here.waiters -= 1


async def _settled(channel: Channel, bell: asyncio.Event) -> None:
    while not channel.gone and not (
        channel.status and (channel.status.is_terminal or channel.status in PARKED)
    ):
        await bell.wait()
        bell.clear()
