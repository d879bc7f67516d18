"""What goes over the wire: server-sent events as bytes, encoded once for all viewers."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django_eventstream.utils import make_id, sse_encode_event

from executions.states import TERMINAL_EVENTS
from executions.streams.log import Entry

RETRY = b"retry: 2000\n\n"
CHUNK = 64 << 10


@dataclass(frozen=True, slots=True)
class Frame:
    """One event of an execution's log, with its id."""

    seq: int
    type: str
    wire: bytes

    @property
    def is_terminal(self) -> bool:
        return self.type in TERMINAL_EVENTS

    @property
    def data(self) -> str:
        """The payload's JSON."""
        return self.wire.partition(b"data: ")[2].rstrip(b"\n").decode()


def frame(entry: Entry) -> Frame:
    event_id = position(entry.execution_id, entry.seq)
    return Frame(entry.seq, entry.type, encode(entry.type, entry.payload, event_id))


def encode(event: str, data: dict[str, Any] | str, event_id: str | None = None) -> bytes:
    """``data`` may be JSON already."""
    wire: str = sse_encode_event(event, data if isinstance(data, str) else dumps(data), event_id)
    return wire.encode()


def dumps(data: dict[str, Any]) -> str:
    """Compact JSON. The standard library's: it keeps integers of any size."""
    return json.dumps(data, cls=DjangoJSONEncoder, ensure_ascii=False, separators=(",", ":"))


def position(execution_id: str, seq: int) -> str:
    """The event id of ``seq``, as django-eventstream writes it: ``channel:id``."""
    found: str = make_id({execution_id: seq})
    return found


def milliseconds() -> int:
    return time.time_ns() // 1_000_000


def heartbeat() -> bytes:
    return encode("heartbeat", {"timestamp": milliseconds()})


def chunks(wires: Iterable[bytes]) -> Iterator[bytes]:
    """Joined to pieces of some 64 KiB: fewer writes, and none that is huge."""
    gathered: list[bytes] = []
    size = 0
    for wire in wires:
        gathered.append(wire)
        size += len(wire)
        if size >= CHUNK:
            yield b"".join(gathered)
            gathered, size = [], 0
    if gathered:
        yield b"".join(gathered)
