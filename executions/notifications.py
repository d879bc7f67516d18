"""Saying "look again" to whoever is interested, in this process and in the others.

A notification is a hint and never the truth: it may be lost, doubled or late, and everybody who listens also
looks by itself now and then. ``ids=None`` means "anything may have changed, look at everything".
"""

from __future__ import annotations

import atexit
import logging
import os
import random
import selectors
import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from time import monotonic
from typing import Protocol
from uuid import uuid4

import psycopg
from django.db import Error as DatabaseError
from psycopg import Connection

from executions import database

Ids = frozenset[str] | None
Callback = Callable[[Ids], None]

CHANGED = "c4c_changed"
"""An execution's log has grown: for those who watch."""
WAKE = "c4c_wake"
"""An execution is due, or has a command in its inbox: for those who drive."""

WINDOW = 0.01
"""Seconds in which notifications are gathered: each NOTIFY takes a lock that all of them share."""
PAYLOAD_LIMIT = 7900
MOST_PENDING = 1000
QUIET = 15.0
"""Seconds after which a silent connection is asked whether it still lives."""
FIRST_DELAY, LONGEST_DELAY = 0.1, 10.0

logger = logging.getLogger("c4c.notifications")


class Carrier(Protocol):
    """Takes hints to the other processes. What they tell goes to the ``deliver`` that it was made with."""

    def listen(self) -> None:
        """From now on deliver what others tell; first of all "look at everything"."""

    def tell(self, topic: str, ids: Ids) -> None:
        """Never blocks, never raises."""

    def close(self, timeout: float) -> None:
        """Tell what is still to be told, within ``timeout`` seconds, and give up the connection."""


class PostgresCarrier:
    """LISTEN and NOTIFY on one connection of its own, in one daemon thread, started when first needed."""

    def __init__(self, deliver: Callable[[str, Ids], None]) -> None:
        self._deliver = deliver
        self._lock = threading.Lock()
        self._pending: dict[str, Ids] = {}
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        self._ear, self._bell = socket.socketpair()
        self._ear.setblocking(False)
        self._bell.setblocking(False)
        self._origin = uuid4().hex[:12]

    def listen(self) -> None:
        with self._lock:
            self._start()

    def tell(self, topic: str, ids: Ids) -> None:
        with self._lock:
            self._pending[topic] = _merged(self._pending.get(topic, frozenset()), ids)
            self._start()
        self._ring()

    def close(self, timeout: float = 1.0) -> None:
        self._closing.set()
        self._ring()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)
        if thread is None or not thread.is_alive():
            self._ear.close()
            self._bell.close()

    def _start(self) -> None:
        if self._thread is None and not self._closing.is_set():
            self._thread = threading.Thread(target=self._run, name="c4c-notifications", daemon=True)
            self._thread.start()

    def _ring(self) -> None:
        with suppress(OSError):  # full: it rings already
            self._bell.send(b".")

    def _run(self) -> None:
        delay = FIRST_DELAY
        while not self._closing.is_set() or self._pending:
            try:
                with database.connect("c4c notifications") as connection:
                    self._listen_on(connection)
                    delay = FIRST_DELAY
                    self._carry(connection)
            except (psycopg.Error, DatabaseError, OSError) as error:
                logger.warning("notifications are down, polling goes on: %s", error)
                if self._closing.wait(delay * random.uniform(0.5, 1.5)):
                    return
                delay = min(delay * 2, LONGEST_DELAY)

    def _listen_on(self, connection: Connection) -> None:
        for topic in (CHANGED, WAKE):
            connection.execute(f"LISTEN {topic}")
        for topic in (CHANGED, WAKE):
            self._deliver(topic, None)  # whatever was told while nobody listened

    def _carry(self, connection: Connection) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(connection.fileno(), selectors.EVENT_READ)
            selector.register(self._ear, selectors.EVENT_READ)
            window_ends = 0.0
            while True:
                self._receive(connection)
                if self._pending and (monotonic() >= window_ends or self._closing.is_set()):
                    self._send(connection)
                    window_ends = monotonic() + WINDOW
                elif self._closing.is_set():
                    return
                elif self._pending:
                    self._closing.wait(max(0.0, window_ends - monotonic()))
                elif not selector.select(QUIET):
                    connection.execute("SELECT 1")
                self._hear()

    def _hear(self) -> None:
        with suppress(BlockingIOError):
            while self._ear.recv(4096):
                pass

    def _receive(self, connection: Connection) -> None:
        for notify in connection.notifies(timeout=0):
            origin, _, told = notify.payload.partition(":")
            if origin != self._origin:
                self._deliver(notify.channel, None if told == "*" else frozenset(told.split(",")))

    def _send(self, connection: Connection) -> None:
        with self._lock:
            pending, self._pending = self._pending, {}
        payloads = [self._payload(ids) for ids in pending.values()]
        try:
            connection.execute(
                "SELECT pg_notify(topic, payload) FROM unnest(%s::text[], %s::text[]) AS t(topic, payload)",
                [list(pending), payloads],
            )
        except psycopg.Error:
            with self._lock:  # told again, less exactly, when the connection is back
                self._pending |= dict.fromkeys(pending)
            raise

    def _payload(self, ids: Ids) -> str:
        told = "*" if ids is None else ",".join(ids)
        return f"{self._origin}:{told if len(told) <= PAYLOAD_LIMIT else '*'}"


class _Subscribers:
    """The callbacks of one topic. One that fails is logged and harms nobody else."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self._callbacks: tuple[Callback, ...] = ()
        self._lock = threading.Lock()

    def add(self, callback: Callback) -> Callable[[], None]:
        with self._lock:
            self._callbacks = (*self._callbacks, callback)
        return lambda: self._remove(callback)

    def tell(self, ids: Ids) -> None:
        for callback in self._callbacks:
            try:
                callback(ids)
            except Exception:
                logger.exception("a listener to %s failed", self.topic)

    def _remove(self, callback: Callback) -> None:
        with self._lock:
            self._callbacks = tuple(known for known in self._callbacks if known is not callback)


def changed(ids: Iterable[str]) -> None:
    """The logs of these executions have grown and that is committed. Cheap; never blocks, never raises."""
    _tell(CHANGED, ids)


def wake(ids: Iterable[str] | None) -> None:
    """These executions want an executor's attention; None: look at everything, also at what is to be
    delivered. Cheap; never blocks, never raises."""
    _tell(WAKE, ids)


def on_changed(callback: Callback) -> Callable[[], None]:
    """Call ``callback(ids)`` from any thread whenever something changed; the answer takes it back."""
    return _subscribe(CHANGED, callback)


def on_wake(callback: Callback) -> Callable[[], None]:
    """Call ``callback(ids)`` from any thread whenever something is due; the answer takes it back."""
    return _subscribe(WAKE, callback)


def close(timeout: float = 1.0) -> None:
    """Tell what is still to be told and give up the connection; it comes back when it is needed again."""
    global _carrier
    with _lock:
        carrier, _carrier = _carrier, None
    if carrier is not None:
        carrier.close(timeout)


_subscribers = {topic: _Subscribers(topic) for topic in (CHANGED, WAKE)}
_carrier: Carrier | None = None
_lock = threading.Lock()


def _tell(topic: str, ids: Iterable[str] | None) -> None:
    told = None if ids is None else frozenset(ids)
    if told is None or told:
        _subscribers[topic].tell(told)
        _current_carrier().tell(topic, told)


def _subscribe(topic: str, callback: Callback) -> Callable[[], None]:
    remove = _subscribers[topic].add(callback)
    _current_carrier().listen()
    return remove


def _current_carrier() -> Carrier:
    global _carrier  # noqa: PLW0603
    with _lock:
        if _carrier is None:
            _carrier = PostgresCarrier(lambda topic, ids: _subscribers[topic].tell(ids))
        return _carrier


def _merged(known: Ids, more: Ids) -> Ids:
    if known is None or more is None or len(known) + len(more) > MOST_PENDING:
        return None
    return known | more


def _forget_carrier() -> None:
    """A forked child shares neither the thread nor the connection."""
    global _carrier, _lock
    _carrier, _lock = None, threading.Lock()


atexit.register(close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_carrier)
