"""A real server process, and a client that reads its streams as they come over the wire."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
from django.db import connection

START_SECONDS = 20.0
READ_SECONDS = 8.0


@dataclass(frozen=True)
class Message:
    """One server-sent event as it was written; ``id`` only where the event has one."""

    event: str
    data: Any
    id: str | None

    @property
    def seq(self) -> int:
        assert self.id is not None
        return int(self.id.rpartition(":")[2])


class Reader:
    """An open stream."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.retry: int | None = None
        self._messages = self._parse()

    def __iter__(self) -> Iterator[Message]:
        return self._messages

    def until_open(self) -> None:
        """Up to the first bytes of django-eventstream's own view, which carry no data."""
        for message in self._messages:
            if message.event == "stream-open":
                return
        raise AssertionError("the stream did not open")

    def next(self) -> Message:
        return next(self._messages)

    def until(self, *events: str) -> list[Message]:
        """Up to and including the first of these events."""
        found = []
        for message in self._messages:
            found.append(message)
            if message.event in events:
                return found
        raise AssertionError(f"the stream ended before {events}: {[each.event for each in found]}")

    def rest(self) -> list[Message]:
        return list(self._messages)

    def _parse(self) -> Iterator[Message]:
        fields: dict[str, list[str]] = {}
        for line in self.response.iter_lines():
            name, _, value = line.partition(": ")
            if line:
                fields.setdefault(name, []).append(value)
                continue
            if "retry" in fields:
                self.retry = int(fields["retry"][0])
            if "event" in fields:
                data = json.loads("\n".join(fields.get("data", [])) or "null")
                yield Message(fields["event"][0], data, fields.get("id", [None])[0])
            fields = {}


class Server:
    """Daphne in a process of its own."""

    def __init__(self, **c4c: Any) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log_path = Path(os.environ.get("TMPDIR", "/tmp")) / f"c4c-streams-{self.port}.log"
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.streams.settings",
            "STREAMS_DATABASE": connection.settings_dict["NAME"],
            "STREAMS_C4C": json.dumps(c4c),
            "PYTHONFAULTHANDLER": "1",
            "LOG_LEVEL": "INFO",
        }
        command = [
            sys.executable,
            "-m",
            "daphne",
            "-b",
            "127.0.0.1",
            "-p",
            str(self.port),
            "--verbosity",
            "0",
        ]
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, "tests.streams.asgi:application"], env=environment, stdout=log, stderr=log
            )
        self._wait_until_up()

    @property
    def log(self) -> str:
        return self.log_path.read_text()

    @contextmanager
    def stream(self, path: str, **headers: str) -> Iterator[Reader]:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        with (
            httpx.Client(timeout=READ_SECONDS) as client,
            client.stream("GET", self.url + path, headers=sent) as response,
        ):
            yield Reader(response)

    def get(self, path: str, **headers: str) -> httpx.Response:
        """For answers that end."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.get(self.url + path, headers=sent, timeout=READ_SECONDS)

    def request(self, method: str, path: str) -> httpx.Response:
        return httpx.request(method, self.url + path, timeout=READ_SECONDS)

    def stop(self) -> int:
        """The exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self.log_path.unlink(missing_ok=True)

    def _wait_until_up(self) -> None:
        deadline = monotonic() + START_SECONDS
        while True:
            try:
                httpx.get(f"{self.url}/page/")
                return
            except httpx.TransportError:
                if self.process.poll() is not None or monotonic() > deadline:
                    raise AssertionError(f"the server did not start:\n{self.log}") from None
