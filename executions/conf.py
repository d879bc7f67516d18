"""The product's settings: ``settings.C4C = {"THREADS": 32}`` over the defaults below.

Read them as ``conf.THREADS``: looked up when first used, again after ``setting_changed``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from django.conf import settings
from django.core.signals import setting_changed

T = TypeVar("T")


class Setting(Generic[T]):
    """One named value of ``settings.C4C``; the default also tells its type."""

    def __init__(self, default: T) -> None:
        self.default = default
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Conf, owner: type[Conf]) -> T:
        value: T = getattr(settings, "C4C", {}).get(self.name, self.default)
        instance.__dict__[self.name] = value
        return value


class Conf:
    """The table: every setting there is, with its default."""

    # Who may reach the server. Empty: unknown, so nobody is the local operator.
    HOST = Setting("")

    # Executor
    QUEUES: Setting[Sequence[str]] = Setting(())  # those that an executor serves; empty: all
    EXECUTOR_CONCURRENCY = Setting(200)  # executions that one executor drives at once
    THREADS = Setting(16)  # sync procedures that run at once in one executor
    LEASE_SECONDS = Setting(5.0)  # an executor not heard of for so long has lost its executions
    HEARTBEAT_SECONDS = Setting(1.0)  # between two signs of life
    POLL_SECONDS = Setting(1.0)  # how long work may lie unseen when no notification arrives
    STALL_SECONDS = Setting(30.0)  # a loop that does not move for so long gives its leases up; 0: never
    PROCESSES = Setting(os.cpu_count() or 1)  # isolated procedures that run at once in one executor
    PROCESS_CALLS = Setting(100)  # calls that one child process serves before another takes its place
    PROCESS_IDLE_SECONDS = Setting(60.0)  # a child process without work for so long ends
    CANCEL_GRACE_SECONDS = Setting(10.0)  # from asking an attempt to stop to giving it up
    MAX_LOST = Setting(5)  # attempts that a node may lose with their executors before it fails
    MAX_DEPTH = Setting(20)  # executions within executions
    EMISSION_DAYS = Setting(30)  # how long an emitted event is kept for waits that look back
    MAX_RETRY_AFTER_SECONDS = Setting(3600.0)  # what a server's Retry-After is heeded for

    # What an attempt may tell
    MAX_LOG_LINES = Setting(1000)  # of context.log
    MAX_STREAM_BYTES = Setting(4 << 20)  # of context.stream, in UTF-8
    MAX_DETAILS_BYTES = Setting(64 << 10)  # of context.heartbeat, in JSON

    # Secrets: the first seals, all of them open. Empty: SECRET_KEY, and SECRET_KEY_FALLBACKS
    SECRET_KEYS: Setting[Sequence[str]] = Setting(())

    # Sizes, in bytes of JSON
    MAX_INPUT_BYTES = Setting(1 << 20)  # an execution's input
    MAX_OUTPUT_BYTES = Setting(4 << 20)  # a node's output, where it is kept in the database
    OFFLOAD_BYTES: Setting[int | None] = Setting(None)  # what is larger goes to a file; None: nothing does
    MAX_PAYLOAD_BYTES = Setting(64 << 20)  # a value that goes to a file
    PAYLOAD_STORAGE = Setting("default")  # the alias in STORAGES of where these files are
    ORPHAN_SECONDS = Setting(3600.0)  # how old a file is, to which no row refers, before it is removed
    MAX_BODY_BYTES = Setting(8 << 20)  # any request's body (a published definition is the largest)
    MAX_JSON_DEPTH = Setting(100)  # nesting in a request's body
    EVENT_OUTPUT_BYTES = Setting(16 << 10)  # an output told in an event
    ROW_OUTPUT_BYTES = Setting(4 << 10)  # the outputs told in one row of a list
    RESULT_BYTES = Setting(1 << 20)  # the workflow.result frame

    # Lists
    PAGE_SIZE = Setting(50)
    MAX_PAGE_SIZE = Setting(200)
    MAX_EVENTS = Setting(1000)  # events in one answer
    ROW_NODES = Setting(200)  # node runs told in one row of a list
    RUNS_PER_NODE = Setting(50)  # newest runs of one node told in a document

    # Waiting callers
    WAIT_SECONDS = Setting(30.0)  # longest and usual wait of POST /workflow/execute
    MAX_WAITERS = Setting(1000)  # callers that wait at once in one process; the next get 202 at once
    IDEMPOTENCY_HOURS = Setting(24)  # how long an Idempotency-Key is remembered

    # Streams
    STREAM_HEARTBEAT_SECONDS = Setting(15.0)
    STREAM_MAX_SECONDS = Setting(600.0)  # age limit of a connection, ± 20 %
    STREAM_SWEEP_SECONDS = Setting(1.0)  # how long an event may lie unseen when no notification arrives
    STREAM_WINDOW_SECONDS = Setting(0.25)  # between two executions.update frames
    STREAM_BUFFER = Setting(1000)  # frames that wait for one slow reader
    STREAM_BYTES = Setting(64 << 20)  # what one connection may receive before it must resume
    MAX_STREAMS = Setting(2000)  # open streams in one process
    MAX_STREAMS_PER_USER = Setting(500)

    def reset(self) -> None:
        """Forget what was looked up."""
        self.__dict__.clear()


conf = Conf()


def names() -> frozenset[str]:
    """Every name that ``settings.C4C`` may hold."""
    return frozenset(name for name in vars(Conf) if name.isupper())


def _forget(*, setting: str, **_: Any) -> None:
    if setting == "C4C":
        conf.reset()


setting_changed.connect(_forget, dispatch_uid="c4c.conf")
