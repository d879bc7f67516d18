"""What user code tells of its attempt: checked where it is said, gathered, and handed on in good time.

User code may tell something a million times a second; the log gets as much of it as somebody can watch, and
always the last word.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Any

import orjson

from executions.conf import conf
from executions.executor.attempts.endings import readable
from executions.executor.desk import Desk
from procedures.contracts import unstorable
from procedures.errors import LimitExceeded

Tell = Callable[[str, Any], None]
"""``(kind, value)``: progress and log, an event's data; stream, text; beat, the details or None."""

PROGRESS_SECONDS, PROGRESS_BURST = 0.1, 5
STREAM_SECONDS = 0.05
BEAT_SECONDS = 1.0
"""Between two of a kind that are told on."""
LONGEST_CHUNK = 16_384
"""Characters in one event."""


class Teller:
    """A context's listener: checks and counts what is said, in the process and the thread of user code."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._lines = 0
        self._bytes = 0

    def progress(self, fraction: float | None, message: str | None) -> None:
        told: dict[str, Any] = {}
        if fraction is not None:
            told["progress"] = min(1.0, max(0.0, float(fraction)))
        if message is not None:
            told["message"] = readable(str(message))
        if told:
            self._tell("progress", told)

    def heartbeat(self, details: Any) -> None:
        self._tell("beat", None if details is None else _checked(details))

    def log(self, level: int, message: str) -> None:
        with self._lock:
            self._lines += 1
            line = self._lines
        most = conf.MAX_LOG_LINES
        if line <= most:
            self._tell("log", {"message": readable(message), "level": logging.getLevelName(level).lower()})
        elif line == most + 1:
            left_out = f"an attempt's log has at most {most} lines here (MAX_LOG_LINES): the rest is left out"
            self._tell("log", {"message": left_out, "level": "warning"})

    def stream(self, chunk: str) -> None:
        if not isinstance(chunk, str):
            raise TypeError(f"stream() takes text, not {type(chunk).__name__}")
        size = len(chunk.encode("utf-8", "replace"))
        with self._lock:
            if self._bytes + size > conf.MAX_STREAM_BYTES:
                raise LimitExceeded(
                    f"an attempt streams at most {conf.MAX_STREAM_BYTES} bytes (MAX_STREAM_BYTES)"
                )
            self._bytes += size
        if chunk:
            self._tell("stream", readable(chunk, len(chunk)))


def _checked(details: Any) -> Any:
    """A copy as JSON data. Raises ``ValueError``."""
    try:
        encoded = orjson.dumps(details)
    except TypeError as error:
        raise ValueError(f"heartbeat details: not JSON: {error}") from None
    if len(encoded) > conf.MAX_DETAILS_BYTES:
        most = conf.MAX_DETAILS_BYTES
        raise ValueError(f"heartbeat details: {len(encoded)} bytes; at most {most} (MAX_DETAILS_BYTES)")
    for problem in unstorable(details):
        raise ValueError(f"heartbeat details: {problem['detail']}")
    return orjson.loads(encoded)


class Reports:
    """What one attempt has told, on its way to the log: each kind at its own pace, nothing after the end.

    ``take`` is for any thread, the rest for the loop.
    """

    def __init__(
        self,
        desk: Desk,
        loop: asyncio.AbstractEventLoop,
        progress: Callable[[dict[str, Any]], None],
        beat: Callable[[Any], None],
        begun_in: Callable[[str], int] = lambda text: 0,
    ) -> None:
        """``begun_in``: how much of a text's end may be the beginning of a secret; it waits for what follows,
        so that a secret is whole where it is masked.
        """
        self._desk, self._loop = desk, loop
        self._progress, self._beat, self._begun_in = progress, beat, begun_in
        self._lock = threading.Lock()
        self._channels: dict[str, Channel] = {}
        self._held = ""
        self._streamed = 0
        self._closed = False
        self.last_sign = loop.time()
        """When user code last said that it goes on."""

    def take(self, kind: str, value: Any) -> None:
        if kind == "beat":
            self.last_sign = self._loop.time()
            if value is None:
                return
        with self._lock:
            channel = self._channels.get(kind)
            if channel is None and not self._closed:
                channel = self._channels[kind] = self._channel(kind)
        if channel is not None:
            channel.take(value)

    def flush(self) -> None:
        """Hand on all that was told: nothing follows, or it is another attempt's."""
        for channel in list(self._channels.values()):
            channel.flush()
        if self._held:
            self._chunk(self._held)
            self._held = ""

    def close(self) -> None:
        with self._lock:
            self._closed = True
        for channel in self._channels.values():
            channel.close()

    def _channel(self, kind: str) -> Channel:
        match kind:
            case "log":
                return Channel(self._desk, self._loop, Pace(0), self._lines, _listed)
            case "stream":
                return Channel(self._desk, self._loop, Pace(STREAM_SECONDS), self._stream, _listed)
            case "beat":
                return Channel(self._desk, self._loop, Pace(BEAT_SECONDS), self._beat, _latest)
            case _:
                pace = Pace(PROGRESS_SECONDS, PROGRESS_BURST)
                return Channel(self._desk, self._loop, pace, self._progress, _merged)

    def _lines(self, lines: list[dict[str, Any]]) -> None:
        for data in lines:
            self._progress(data)

    def _stream(self, chunks: list[str]) -> None:
        text, size = self._held + "".join(chunks), LONGEST_CHUNK
        while text:
            piece = text[:size]
            ready = piece[: len(piece) - self._begun_in(piece)]
            if ready:
                self._chunk(ready)
                text, size = text[len(ready) :], LONGEST_CHUNK
            elif len(piece) < len(text):
                size *= 2
            else:
                break
        self._held = text

    def _chunk(self, text: str) -> None:
        self._progress({"chunk": text, "offset": self._streamed})
        self._streamed += len(text)


class Pace:
    """One in ``interval`` seconds; ``burst`` of them at once after a rest."""

    def __init__(self, interval: float, burst: int = 1) -> None:
        self._interval = interval
        self._slack = interval * (burst - 1)
        self._paid_until = 0.0

    def wait(self, now: float) -> float:
        """Seconds until the next may go."""
        return max(0.0, self._paid_until - self._slack - now)

    def spend(self, now: float) -> None:
        self._paid_until = max(self._paid_until, now) + self._interval


class Channel:
    """One kind of news: handed on at once where the pace allows it, else gathered until it does."""

    def __init__(
        self,
        desk: Desk,
        loop: asyncio.AbstractEventLoop,
        pace: Pace,
        hand_on: Callable[[Any], None],
        gather: Callable[[Any, Any], Any],
    ) -> None:
        self._desk, self._loop, self._pace = desk, loop, pace
        self._hand_on, self._gather = hand_on, gather
        self._lock = threading.Lock()
        self._pending: Any = None
        self._expected = False
        """The loop is going to look, or to send, anyway."""
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def take(self, value: Any) -> None:
        """From any thread."""
        with self._lock:
            if self._closed:
                return
            self._pending = self._gather(self._pending, value)
            expected, self._expected = self._expected, True
        if not expected:
            self._desk.tell(self._look)

    def flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        with self._lock:
            value, self._pending, self._expected = self._pending, None, False
        if value is not None:
            self._pace.spend(self._loop.time())
            self._hand_on(value)

    def close(self) -> None:
        with self._lock:
            self._closed, self._pending = True, None
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        wait = self._pace.wait(self._loop.time())
        if wait <= 0:
            self.flush()
        elif self._timer is None and not self._closed:
            self._timer = self._loop.call_later(wait, self.flush)


def _merged(pending: dict[str, Any] | None, value: dict[str, Any]) -> dict[str, Any]:
    return {**pending, **value} if pending else value


def _listed(pending: list[Any] | None, value: Any) -> list[Any]:
    if pending is None:
        return [value]
    pending.append(value)
    return pending


def _latest(pending: Any, value: Any) -> Any:
    return value
