"""The threads that sync procedures run in."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

log = logging.getLogger("c4c.executor")

Work = tuple[Callable[..., None], tuple[Any, ...]]


class Threads:
    """Up to ``limit`` at once; more work waits its turn.

    Daemons, unlike those of ``concurrent.futures``: user code that never ends must not keep the process from ending.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._work: SimpleQueue[Work | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._started = 0
        self._idle = 0

    def submit(self, call: Callable[..., None], *values: Any) -> None:
        self._work.put((call, values))
        with self._lock:
            if self._idle >= self._work.qsize() or self._started >= self._limit:
                return
            self._started += 1
            name = f"c4c-procedure-{self._started}"
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def close(self) -> None:
        """Idle threads end; busy ones when what they run does."""
        for _ in range(self._started):
            self._work.put(None)

    def _run(self) -> None:
        while True:
            with self._lock:
                self._idle += 1
            work = self._work.get()
            with self._lock:
                self._idle -= 1
            if work is None:
                return
            call, values = work
            try:
                call(*values)
            except Exception:
                log.exception("a procedure's thread failed outside the procedure")
