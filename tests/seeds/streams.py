"""A client of the streams: ``curl -N``, which can be cut, and one that comes back as an EventSource does."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import IO, Any

import httpx

from tests.seeds.shell import LIMIT, curl_words
from tests.seeds.site import Site
from tests.site.servers import PROJECT, until

TERMINAL = ("workflow.completed", "workflow.failed", "workflow.cancelled", "workflow.timed_out")


@dataclass(frozen=True)
class Frame:
    event: str
    data: Any
    id: str | None


class Tail:
    """An open ``curl -N``. Iterating ends when the server closes the stream."""

    def __init__(self, line: str) -> None:
        self.process = subprocess.Popen(
            curl_words(line), cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self._lines: SimpleQueue[str | None] = SimpleQueue()
        assert self.process.stdout is not None
        threading.Thread(target=self._read, args=[self.process.stdout], daemon=True).start()

    def __enter__(self) -> Tail:
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()

    def __iter__(self) -> Iterator[Frame]:
        fields: dict[str, str] = {}
        while (line := self._line()) is not None:
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
                continue
            if "event" in fields:
                yield Frame(fields["event"], json.loads(fields["data"]), fields.get("id"))
            fields = {}

    def until(self, *events: str) -> list[Frame]:
        """Up to and including the first of these."""
        found = []
        for frame in self:
            found.append(frame)
            if frame.event in events:
                return found
        raise AssertionError(f"ended before {events}: {[frame.event for frame in found]}")

    def cut(self) -> None:
        """As a broken connection: whatever was on its way is lost."""
        self.process.kill()
        self.process.wait()

    def _line(self) -> str | None:
        try:
            return self._lines.get(timeout=LIMIT)
        except Empty:
            raise AssertionError(f"nothing came for {LIMIT} s") from None

    def _read(self, stdout: IO[str]) -> None:
        with stdout:
            for line in stdout:
                self._lines.put(line.rstrip("\n"))
        self._lines.put(None)


class Watcher:
    """What a browser's EventSource keeps over its connections: the last id, and what came."""

    def __init__(self, site: Site, execution_id: str) -> None:
        self.path = f"/workflow/executions/{execution_id}/stream"
        self.site = site
        self.last_id: str | None = None
        self.snapshot_seq = 0
        self.seen: list[Frame] = []

    def connect(self) -> Tail:
        resuming = f"-H 'Last-Event-ID: {self.last_id}' " if self.last_id else ""
        return Tail(f"curl -sN {resuming}{self.site.base}{self.path}")

    def watch(self, most: int | None = None) -> bool:
        """Read until ``most`` events of the log came, then break off; True if the server ended the stream."""
        with self.connect() as tail:
            for frame in tail:
                if frame.id is None:
                    continue
                self.last_id = frame.id
                if frame.event == "execution.snapshot":
                    self.snapshot_seq = frame.data["seq"]
                    continue
                self.seen.append(frame)
                if most is not None and (most := most - 1) == 0:
                    return False
        return True

    def watch_to_the_end(self) -> None:
        """Come back as often as it takes, until the server says that nothing will follow."""
        until(lambda: self._is_told_to_stop() or self.watch() is None)

    def status_on_return(self) -> int:
        headers = {"Last-Event-ID": self.last_id} if self.last_id else {}
        with httpx.stream("GET", self.site.base + self.path, headers=headers, timeout=LIMIT) as answer:
            return answer.status_code

    def _is_told_to_stop(self) -> bool:
        try:
            return self.status_on_return() == httpx.codes.NO_CONTENT
        except httpx.TransportError:
            return False

    @property
    def told(self) -> list[dict[str, Any]]:
        return [frame.data for frame in self.seen]

    @property
    def missed(self) -> list[dict[str, Any]]:
        """What the log holds after the snapshot that the first connection began with."""
        return logged(self.site, self.path.split("/")[3])[self.snapshot_seq :]


def logged(site: Site, execution_id: str) -> list[dict[str, Any]]:
    """The log's payloads, as streams tell them."""
    return [
        {name: value for name, value in event.items() if name != "at"} for event in site.events(execution_id)
    ]
