"""Whether the executor's loop moves: who beats but does nothing would keep its executions for ever."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
import traceback

from executions.conf import conf

log = logging.getLogger("c4c.executor")

STACK_LINES = 15


class Pulse:
    """Made on the loop; felt by the heartbeat's thread, each time before it beats."""

    def __init__(self, name: str, loop: asyncio.AbstractEventLoop) -> None:
        self._name, self._loop = name, loop
        self._thread = threading.get_ident()
        self._asked = False
        self._felt_at = 0.0
        self._still = 0.0
        """Seconds without an answer, as far as we were there ourselves: a stopped process is no stall."""
        self._told = False

    def is_felt(self) -> bool:
        """False: the loop has not answered for ``STALL_SECONDS``; what blocks it is logged, once."""
        now = time.monotonic()
        passed, self._felt_at = now - self._felt_at, now
        if not self._asked:
            self._ask()
            return True
        self._still += min(passed, 2 * conf.HEARTBEAT_SECONDS)
        if not conf.STALL_SECONDS or self._still < conf.STALL_SECONDS:
            return True
        if not self._told:
            self._told = True
            self._tell()
        return False

    def _ask(self) -> None:
        self._asked, self._still = True, 0.0
        try:
            self._loop.call_soon_threadsafe(self._answer)
        except RuntimeError:  # it has ended, and so will the heartbeat
            self._asked = False

    def _answer(self) -> None:
        if self._told:
            log.warning("executor %s: its loop moves again", self._name)
        self._asked = self._told = False

    def _tell(self) -> None:
        log.error(
            "executor %s: its loop has not moved for %.1f s (STALL_SECONDS): others may take its executions; "
            "it is held up by %s, at:\n%s",
            self._name,
            self._still,
            self._task(),
            self._stack(),
        )

    def _task(self) -> str:
        try:
            task = asyncio.current_task(self._loop)
        except RuntimeError:
            task = None
        coroutine = task.get_coro() if task is not None else None
        return getattr(coroutine, "__qualname__", None) or "no task"

    def _stack(self) -> str:
        frame = sys._current_frames().get(self._thread)
        return "".join(traceback.format_stack(frame)[-STACK_LINES:]) if frame is not None else "unknown"
