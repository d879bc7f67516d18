"""The inside of a child process: takes calls from its executor, one at a time, and tells how they end."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from queue import SimpleQueue
from typing import Any

from executions import telemetry
from executions.executor.attempts.endings import failed
from executions.executor.attempts.invoking import Invocation, ainvoked, invoked
from executions.executor.attempts.isolation.wire import Gone, Head, Wire
from executions.executor.attempts.telling import Teller
from executions.flow.outcomes import Completed, Failed, Outcome, Stopped
from executions.vault.known import Secrets
from procedures import Context, registry

GATHER_SECONDS = 0.01
"""Between two messages of what user code tells: whatever it says meanwhile goes into one."""


def serve(descriptor: int) -> None:
    """Until the executor closes its end, however that comes about."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    telemetry.install()
    inside = Inside(Wire(socket.socket(fileno=descriptor)))
    threading.Thread(target=inside.listen, name="c4c-listen", daemon=True).start()
    inside.work()


class Inside:
    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._calls: SimpleQueue[Head | None] = SimpleQueue()
        self._stop = Stop(0)
        self._busy = False
        self._outbox = Outbox(wire)

    def listen(self) -> None:
        """In a thread of its own: it hears while user code runs."""
        try:
            while True:
                message = self._wire.receive()
                assert message is not None
                head, _ = message
                if head["kind"] == "call":
                    self._stop, self._busy = Stop(head["number"]), True
                    self._calls.put(head)
                elif head["kind"] == "stop" and head["number"] == self._stop.number:
                    self._stop.tell()
        except Gone:
            if self._busy:
                os._exit(0)
            self._calls.put(None)

    def work(self) -> None:
        """In the main thread, where user code may expect to be."""
        try:
            self._wire.send({"kind": "ready"})
            while (head := self._calls.get()) is not None:
                self._run(head, self._stop)
                self._busy = False
                self._wire.send({"kind": "ready"})
        except Gone:
            os._exit(0)

    def _run(self, head: Head, stop: Stop) -> None:
        number = head["number"]
        self._outbox.begin(number)
        self._wire.send({"kind": "began", "number": number})
        try:
            procedure = registry.get(head["procedure"])
            teller = Teller(lambda kind, value: self._outbox.put(number, kind, value))
            secrets = Secrets()
            secrets.learn(head["secrets"])
            if secrets:
                telemetry.guard_log(procedure.name)
            call = Invocation(
                procedure,
                head["arguments"],
                lambda: Context(**head["context"], is_cancelled=stop.is_told, listener=teller),
                (head["span"][0], head["span"][1]),
                secrets,
            )
            if procedure.is_async:
                asyncio.run(self._arun(number, call, stop))
            else:
                self._end(number, invoked(call))
        except Gone:
            raise
        except BaseException as error:  # it is not there, or its connections cannot be given back
            self._end(number, failed(error))

    async def _arun(self, number: int, call: Invocation, stop: Stop) -> None:
        """The end is told before the loop closes: tasks that were left behind may hold that up."""
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None
        stop.then(partial(_cancel, loop, task))
        self._end(number, await ainvoked(call))

    def _end(self, number: int, outcome: Outcome) -> None:
        self._outbox.end()
        head: Head = {"kind": "ended", "number": number, "outcome": type(outcome).__name__}
        match outcome:
            case Completed(encoded=encoded):
                self._wire.send(head | {"spans": outcome.spans}, encoded or b"null")
            case Failed():
                values = asdict(outcome)
                if not isinstance(outcome.retry_after, int | float):  # whatever user code wrote there
                    values["retry_after"] = None
                self._wire.send(head | {"values": values})
            case Stopped():
                self._wire.send(head | {"values": asdict(outcome)})


def _cancel(loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any]) -> None:
    with suppress(RuntimeError):  # its loop has ended meanwhile
        loop.call_soon_threadsafe(task.cancel)


class Stop:
    """Whether a call has been told to stop."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._told = threading.Event()
        self._lock = threading.Lock()
        self._then: Callable[[], object] | None = None

    def is_told(self) -> bool:
        return self._told.is_set()

    def tell(self) -> None:
        with self._lock:
            self._told.set()
            then = self._then
        if then is not None:
            then()

    def then(self, do: Callable[[], object]) -> None:
        """At once, where it has been told already."""
        with self._lock:
            self._then = do
            told = self._told.is_set()
        if told:
            do()


class Outbox:
    """What user code tells, sent by a thread of its own, so that nobody waits for the executor to read it."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._sending = threading.Lock()
        self._changed = threading.Condition()
        self._number = 0
        self._pending: dict[str, Any] = {}
        threading.Thread(target=self._send_on, name="c4c-tell", daemon=True).start()

    def begin(self, number: int) -> None:
        with self._changed:
            self._number = number

    def put(self, number: int, kind: str, value: Any) -> None:
        """News of a call that is over go nowhere."""
        with self._changed:
            if number == self._number:
                self._gather(kind, value)
                self._changed.notify()

    def end(self) -> None:
        """Send the rest; nothing follows."""
        self._flush()
        with self._changed:
            self._number = 0

    def _gather(self, kind: str, value: Any) -> None:
        if kind in ("log", "stream"):
            self._pending.setdefault(kind, []).append(value)
        elif kind == "progress":
            self._pending[kind] = {**self._pending.get(kind, {}), **value}
        elif value is not None:
            self._pending[kind] = value
        else:
            self._pending.setdefault(kind, None)

    def _send_on(self) -> None:
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._pending)
                self._flush()
                time.sleep(GATHER_SECONDS)
        except Gone:
            return

    def _flush(self) -> None:
        """One at a time, so that what was taken first is sent first."""
        with self._sending:
            with self._changed:
                news, self._pending = self._pending, {}
                number = self._number
            if news:
                self._wire.send({"kind": "told", "number": number, "news": news})
