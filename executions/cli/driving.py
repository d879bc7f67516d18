"""Driving one execution from the command line, and following it to its end."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from types import FrameType

from django.core.management.base import CommandError

from executions import notifications, queries
from executions.cli.progress import Progress
from executions.errors import NotAllowed
from executions.executor import Executor

LOOK_AGAIN = 1.0
"""Seconds. News come with a notification; where one is lost, by looking."""
DRAIN = 5.0
INTERRUPT, CHANGE = "interrupt", "change"

# Not an Event: its lock is not re-entrant, so a signal handler may not set it. This queue may be used by one.
News = SimpleQueue[str]


def drive(execution_id: str, shown: Progress, cancel: Callable[[str], None]) -> None:
    """Run an executor for this one execution, beside any that is there, and show events until the last.

    The first Ctrl-C calls ``cancel``; the second leaves the execution as it stands, for another executor.
    """
    news: News = SimpleQueue()
    with _executor(execution_id), _told_of(execution_id, news), _interrupts(news), shown:
        _follow(execution_id, shown, news, cancel)


def _follow(execution_id: str, shown: Progress, news: News, cancel: Callable[[str], None]) -> None:
    after, interrupted = 0, False
    while True:
        page = queries.events_after(execution_id, after)
        after = page["after"]
        for event in page["events"]:
            shown.show(event)
        if page["terminal"]:
            return
        if page["hasMore"] or _wait(news) != INTERRUPT:
            continue
        if interrupted:
            raise CommandError(
                f"left {execution_id} as it stands; c4c executions show {execution_id}", returncode=3
            )
        interrupted = True
        _try_to(cancel, execution_id)


def _try_to(cancel: Callable[[str], None], execution_id: str) -> None:
    try:
        cancel(execution_id)
    except NotAllowed:
        return  # it has ended meanwhile; its last event says how


def _wait(news: News) -> str:
    """The next news; a change where there was none in time. What had gathered up is taken together."""
    try:
        found = {news.get(timeout=LOOK_AGAIN)}
        while not news.empty():
            found.add(news.get_nowait())
    except Empty:
        return CHANGE
    return INTERRUPT if INTERRUPT in found else CHANGE


@contextmanager
def _executor(execution_id: str) -> Iterator[None]:
    logging.getLogger("c4c.executor").setLevel(logging.WARNING)  # the events tell the rest
    executor = Executor(only={execution_id})
    thread = threading.Thread(target=executor.run, name="c4c-executor", daemon=True)
    thread.start()
    try:
        yield
    finally:
        executor.stop()
        thread.join(DRAIN)


@contextmanager
def _told_of(execution_id: str, news: News) -> Iterator[None]:
    def tell(ids: frozenset[str] | None) -> None:
        if ids is None or execution_id in ids:
            news.put(CHANGE)

    unsubscribe = notifications.on_changed(tell)
    try:
        yield
    finally:
        unsubscribe()


@contextmanager
def _interrupts(news: News) -> Iterator[None]:
    def interrupt(signum: int, frame: FrameType | None) -> None:
        news.put(INTERRUPT)

    previous = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
