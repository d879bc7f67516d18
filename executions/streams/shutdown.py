"""Ending open streams when the process is told to end: servers would cut them, wait, or crash over them."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from contextlib import suppress
from types import FrameType
from typing import Any

from executions.streams.connection import open_connections

GRACE = 0.5
"""Seconds in which streams end before the server's own handler takes over."""
TICK = 0.02

_chained: dict[int, Any] = {}
_loops: list[asyncio.AbstractEventLoop] = []


def close_all_streams(*, refuse: bool = False) -> int:
    """End all open streams of this process cleanly, from any thread; says how many. Clients come back.

    With ``refuse`` new ones are answered 503 from now on.
    """
    connections = open_connections()
    connections.refusing = connections.refusing or refuse
    return connections.end_all("shutdown")


def install() -> None:
    """On SIGTERM and SIGINT end the streams first, then do what would have been done. Main thread only."""
    if _chained or threading.current_thread() is not threading.main_thread():
        return
    _loops[:] = [asyncio.get_running_loop()]
    for number in (signal.SIGTERM, signal.SIGINT):
        _chained[number] = signal.getsignal(number)
        signal.signal(number, _on_signal)


def _on_signal(number: int, frame: FrameType | None) -> None:
    again = open_connections().refusing
    ending = close_all_streams(refuse=True)
    if again or not ending:
        _go_on(number, frame)
        return
    try:
        asyncio.run_coroutine_threadsafe(_wait_then_go_on(number), _loops[0])
    except RuntimeError:  # the loop is closed: nobody streams
        _go_on(number, frame)


async def _wait_then_go_on(number: int) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(GRACE):
            while len(open_connections()):
                await asyncio.sleep(TICK)
    asyncio.get_running_loop().call_soon(_go_on, number, None)


def _go_on(number: int, frame: FrameType | None) -> None:
    previous = _chained[number]
    if callable(previous):
        previous(number, frame)
    elif previous == signal.SIG_DFL:
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
