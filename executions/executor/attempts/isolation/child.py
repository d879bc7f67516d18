"""A child process as its executor sees it: started, asked, watched, killed, and what its death means."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from multiprocessing.spawn import get_executable
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import orjson
import psutil
from django.conf import settings

from executions.executor.attempts.endings import failed_as, readable
from executions.executor.attempts.isolation.wire import Gone, Head, Wire
from executions.flow.outcomes import Completed, Failed, Lost, Outcome, Stopped
from procedures.errors import MemoryLimitExceeded, ProcessDied

PROGRAM = str(Path(__file__).with_name("program.py"))
LOOK_SECONDS = 0.5
"""Between two looks whether the process lives, where nothing is heard of it."""
MEMORY_SECONDS = 0.05
"""Between two looks at its memory."""
START_SECONDS = 120.0
SETTLE_SECONDS = 2.0
"""For what a call leaves behind, such as tasks that are being cancelled, before the next call or the end."""
DEATH_SECONDS = 1.0
"""From a closed connection to the end of the process, before it is helped along."""
STDERR = 2
STACK_BYTES = 16_000
FROM_OUTSIDE = {signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
"""Signals that no code gets by a mistake of its own."""


class Died(Exception):
    """The process is no more; ``outcome`` is what became of the call."""

    def __init__(self, outcome: Failed | Lost) -> None:
        self.outcome = outcome
        super().__init__(str(outcome))


class Child:
    """Belongs to one thread, which outlives it: the kernel kills it with the thread that made it.

    ``kill`` and ``ask_to_stop`` are for any thread.
    """

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self._wire = Wire(ours)
        self._last_words = TemporaryFile()  # noqa: SIM115  (closed with the process)
        with theirs:
            descriptors = [theirs.fileno(), self._last_words.fileno()]
            self._process = subprocess.Popen(
                [_executable(), PROGRAM, *map(str, descriptors), str(os.getpid())],
                pass_fds=descriptors,
                stdin=subprocess.DEVNULL,
                stdout=STDERR,  # on our standard output somebody may read a document
                start_new_session=True,  # so that what it starts can be killed with it
                env=_environment(),
            )
        self.pid = self._process.pid
        self._watched = psutil.Process(self.pid)
        self.calls = 0
        self._at_first = 0
        """What it used when it was ready, in bytes."""
        self._lock = threading.Lock()
        self._buried = False
        self._too_large = ""
        self._tell(_first_message())

    # For its own thread

    def until_ready(self, seconds: float = START_SECONDS) -> None:
        """Raises ``Died``."""
        deadline = time.monotonic() + seconds
        while (message := self._hear(LOOK_SECONDS)) is None or message[0].get("kind") != "ready":
            if message is not None and message[0].get("kind") == "broken":
                self.bury()
                reason = readable(str(message[0].get("error")))
                raise Died(failed_as(ProcessDied, f"its process cannot be set up: {reason}"))
            if time.monotonic() >= deadline:
                self.bury()
                raise Died(failed_as(ProcessDied, f"its process was not ready within {seconds:g} s"))
        self._at_first = self._at_first or self._used()

    def call(self, head: Head) -> None:
        """Raises ``Died``, and ``TypeError`` where the arguments are no JSON."""
        self.calls += 1
        self._tell(head)

    def hear(self, memory_limit: int | None) -> tuple[Head, bytes]:
        """The next message of a call; keeps an eye on the process's memory (MiB). Raises ``Died``."""
        while True:
            message = self._hear(LOOK_SECONDS if memory_limit is None else MEMORY_SECONDS)
            if memory_limit is not None:
                self._weigh(memory_limit)
            if message is not None:
                return message

    def is_good_for(self, memory_limit: int | None) -> bool:
        """Whether it still lives, and earlier calls have left most of that memory (MiB) to the next."""
        if memory_limit is None or self.calls == 0:
            return self._lives()
        free = (memory_limit << 20) - self._at_first
        return self._lives() and self._used() - self._at_first <= free / 2

    def is_ready_again(self) -> bool:
        """Whether another call may be given to it: it has cleaned up after the last one."""
        try:
            self.until_ready(SETTLE_SECONDS)
        except Died:
            return False
        return True

    def close(self) -> None:
        """Let it end in good order; at the latest now."""
        self._wire.close()
        deadline = time.monotonic() + SETTLE_SECONDS
        while self._lives() and time.monotonic() < deadline:
            time.sleep(0.005)
        self.bury()

    def bury(self) -> int:
        """The process and what it has started are gone when this returns; its exit code."""
        with self._lock:
            self._kill()
            self._buried = True
        code = self._process.wait()
        self._wire.close()
        self._last_words.close()
        return code

    # For any thread

    def ask_to_stop(self, number: int) -> None:
        with suppress(Gone):
            self._wire.send({"kind": "stop", "number": number})

    def kill(self) -> None:
        with self._lock:
            self._kill()

    def _kill(self) -> None:
        """Its whole process group, while the name is still its own."""
        if not self._buried:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    def _tell(self, head: Head) -> None:
        try:
            self._wire.send(head)
        except Gone:
            raise Died(self._verdict()) from None

    def _hear(self, seconds: float) -> tuple[Head, bytes] | None:
        try:
            message = self._wire.receive(seconds)
        except Gone:
            raise Died(self._verdict()) from None
        if message is None and not self._lives():
            raise Died(self._verdict())  # though something that it started holds the connection open
        return message

    def _lives(self) -> bool:
        """Without taking its exit code: until then its process id is nobody else's."""
        try:
            return self._watched.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
        except psutil.Error:
            return False

    def _weigh(self, limit: int) -> None:
        """What it has in memory, not what it has reserved: that is much more, and harms nobody."""
        used = self._used()
        if used > limit << 20:
            self._too_large = f"its process used {used >> 20} MiB; memory_limit is {limit} MiB"
            self.kill()

    def _used(self) -> int:
        try:
            used: int = self._watched.memory_info().rss
        except psutil.Error:  # it has just died
            return 0
        return used

    def _verdict(self) -> Failed | Lost:
        deadline = time.monotonic() + DEATH_SECONDS
        while self._lives() and time.monotonic() < deadline:
            time.sleep(0.005)
        deaf, stack = self._lives(), self._stack()
        code = self.bury()
        if self._too_large:
            return failed_as(MemoryLimitExceeded, self._too_large)
        if deaf:
            return failed_as(ProcessDied, "its process closed the connection to its executor, and was killed")
        if code >= 0:
            return failed_as(ProcessDied, f"its process ended with exit code {code}")
        return _by_signal(-code, stack)

    def _stack(self) -> str:
        """Where it crashed, as Python's fault handler has written it."""
        self._last_words.seek(0)
        return readable(self._last_words.read(STACK_BYTES).decode("utf-8", "replace"), STACK_BYTES)


def outcome_of(head: Head, body: bytes) -> Outcome:
    """How a call ended, as the child tells it."""
    match head["outcome"]:
        case "Completed":
            return Completed(orjson.loads(body), body, head["spans"])
        case "Failed":
            values = head["values"]
            return Failed(**{**values, "names": tuple(values["names"])})
        case _:
            return Stopped(**head["values"])


def _by_signal(number: int, stack: str) -> Failed | Lost:
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    if number in FROM_OUTSIDE:
        return Lost(f"its process was killed by {name}: by somebody, or by the kernel for want of memory")
    return replace(failed_as(ProcessDied, f"its process was ended by {name}"), stack=stack)


def _executable() -> str:
    """As multiprocessing has it: a server that embeds Python tells it where Python is."""
    return os.fsdecode(get_executable() or sys.executable)


def _environment() -> dict[str, str]:
    module = getattr(settings, "SETTINGS_MODULE", None)
    told = {"DJANGO_SETTINGS_MODULE": module} if module else {}
    return {**told, **os.environ}


def _first_message() -> dict[str, Any]:
    """What a fresh interpreter must know to be as its parent."""
    ours = getattr(settings, "C4C", {})
    return {
        "path": [str(place) for place in sys.path],
        "databases": {alias: str(given["NAME"]) for alias, given in settings.DATABASES.items()},
        "settings": {name: value for name, value in ours.items() if isinstance(value, str | int | float)},
    }
