"""Between the executor's loop and other threads."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Any

log = logging.getLogger("c4c.executor")


class Desk:
    """Where other threads tell the loop something, or ask it.

    Every question is answered: at the latest when the executor ends, with None. So nobody waits for ever for
    a loop that has gone.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._open: set[Future[Any]] = set()
        self._closed = False

    def tell(self, callback: Callable[..., None], *values: Any) -> None:
        """Call it on the loop; nothing happens where that has ended."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback, *values)

    def ask(self, callback: Callable[..., None], *values: Any) -> Future[Any]:
        """Call ``callback(*values, future)`` on the loop; it is to ``answer`` the future sooner or later."""
        future: Future[Any] = Future()
        with self._lock:
            closed = self._closed
            if not closed:
                self._open.add(future)
        if closed:
            answer(future, None)
        else:
            future.add_done_callback(self._answered)
            self.tell(self._put, callback, values, future)
        return future

    def close(self) -> None:
        with self._lock:
            self._closed = True
            left = list(self._open)
        for future in left:
            answer(future, None)

    def _put(self, callback: Callable[..., None], values: tuple[Any, ...], future: Future[Any]) -> None:
        try:
            callback(*values, future)
        except Exception:
            log.exception("a question to the executor failed")
            answer(future, None)

    def _answered(self, future: Future[Any]) -> None:
        with self._lock:
            self._open.discard(future)


def answer(future: Future[Any], value: Any) -> None:
    """Unless it is answered already, or who asked has given up."""
    with suppress(InvalidStateError):
        future.set_result(value)
