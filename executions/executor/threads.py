"""The threads that sync procedures run in."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

log = logging.getLogger("c4c.executor")


@dataclass(slots=True, eq=False)
class Job:
    call: Callable[..., None]
    values: tuple[Any, ...]
    running: bool = False
    left_behind: bool = False


class Threads:
    """Up to ``limit`` jobs at once; more wait their turn.

    Daemons, unlike those of ``concurrent.futures``: user code that never ends must not keep the process from
    ending.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._changed = threading.Condition()
        self._waiting: deque[Job] = deque()
        self._threads = 0
        self._idle = 0
        self._left_behind = 0
        self._closed = False

    def submit(self, call: Callable[..., None], *values: Any) -> Job:
        job = Job(call, values)
        with self._changed:
            self._waiting.append(job)
            self._changed.notify()
            self._staff()
        return job

    def withdraw(self, job: Job) -> bool:
        """Take it back, if it has not begun."""
        with self._changed:
            if job in self._waiting:
                self._waiting.remove(job)
                return True
            return False

    def leave_behind(self, job: Job) -> None:
        """Nobody waits for it any more, and it may never end: another thread takes its place.

        As many as the limit may be left behind at once; each may hold a connection to the database.
        """
        with self._changed:
            if job.running and not job.left_behind and self._left_behind < self._limit:
                job.left_behind = True
                self._left_behind += 1
                self._staff()

    def close(self) -> None:
        """Idle threads end; busy ones when what they run does."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _staff(self) -> None:
        """A further thread, where those that are free are too few for what waits."""
        if self._idle < len(self._waiting) and self._threads - self._left_behind < self._limit:
            self._threads += 1
            name = f"c4c-procedure-{self._threads}"
            threading.Thread(target=self._run, name=name, daemon=True).start()

    def _run(self) -> None:
        while (job := self._next()) is not None:
            try:
                job.call(*job.values)
            except BaseException:
                log.exception("a procedure's thread failed outside the procedure")
            if self._ended(job):
                return

    def _next(self) -> Job | None:
        with self._changed:
            while not self._waiting:
                if self._closed:
                    self._threads -= 1
                    return None
                self._idle += 1
                self._changed.wait()
                self._idle -= 1
            job = self._waiting.popleft()
            job.running = True
            return job

    def _ended(self, job: Job) -> bool:
        """True: its place was given away, so this thread ends too."""
        with self._changed:
            job.running = False
            if job.left_behind:
                self._left_behind -= 1
                self._threads -= 1
            return job.left_behind
