"""The few threads, with a database connection each, in which everything that streams need is read."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import IntEnum
from functools import partial
from itertools import count
from typing import Any, ParamSpec, TypeVar

from django.db import InterfaceError, OperationalError, connections

P = ParamSpec("P")
R = TypeVar("R")


class Urgency(IntEnum):
    """Who goes first when all threads are busy."""

    LOG = 0
    BOARD = 1
    DOOR = 2


@dataclass(order=True, slots=True)
class _Job:
    urgency: Urgency
    number: int
    call: Callable[[], Any] = field(compare=False)
    future: Future[Any] = field(compare=False)


class Readers:
    """A pool whose threads close their connection and end after ``linger`` idle seconds.

    However many streams open at once, the database sees ``size`` connections.
    """

    def __init__(self, size: int = 3, linger: float = 2.0) -> None:
        self.size, self.linger = size, linger
        self._jobs: queue.PriorityQueue[_Job] = queue.PriorityQueue()
        self._numbers = count()
        self._lock = threading.Condition()
        self._threads = self._idle = self._connected = 0

    async def run(self, urgency: Urgency, read: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """The answer of ``read(*args)``, which must only read: it is called again if the connection broke."""
        return await asyncio.wrap_future(self._submit(urgency, partial(read, *args, **kwargs)))

    def wait_until_idle(self, timeout: float) -> bool:
        """Until all threads have ended and their connections are closed; whether that came in time."""
        with self._lock:
            return self._lock.wait_for(lambda: not self._connected, timeout)

    def _submit(self, urgency: Urgency, call: Callable[[], R]) -> Future[R]:
        job = _Job(urgency, next(self._numbers), call, Future())
        with self._lock:
            self._jobs.put(job)
            if self._jobs.qsize() > self._idle and self._threads < self.size:
                self._threads += 1
                self._connected += 1
                threading.Thread(target=self._work, name="c4c-streams", daemon=True).start()
        return job.future

    def _work(self) -> None:
        try:
            while (job := self._next()) is not None:
                _do(job)
        finally:
            connections.close_all()
            with self._lock:
                self._connected -= 1
                self._lock.notify_all()

    def _next(self) -> _Job | None:
        while True:
            with self._lock:
                self._idle += 1
            try:
                return self._jobs.get(timeout=self.linger)
            except queue.Empty:
                with self._lock:
                    if self._jobs.empty():
                        self._threads -= 1
                        return None
            finally:
                with self._lock:
                    self._idle -= 1


def _do(job: _Job) -> None:
    if not job.future.set_running_or_notify_cancel():
        return
    try:
        job.future.set_result(_attempt(job.call))
    except BaseException as error:
        connections.close_all()
        job.future.set_exception(error)


def _attempt(call: Callable[[], R]) -> R:
    try:
        return call()
    except (OperationalError, InterfaceError):
        connections.close_all()
        return call()


readers = Readers()
