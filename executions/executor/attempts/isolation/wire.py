"""Messages between an executor and its child processes: a head of JSON and a body of bytes, over a socket."""

from __future__ import annotations

import select
import socket
import struct
import threading
from typing import Any

import orjson

LENGTHS = struct.Struct("!II")
LONGEST = 256 << 20
"""Bytes of one message: more than any limit allows, so that a stray length is not waited for."""

Head = dict[str, Any]


class Gone(Exception):
    """The other side has closed its end, or does not keep to the protocol."""


class Wire:
    """Anyone may send; one thread receives."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._news = select.poll()
        self._news.register(end, select.POLLIN)
        self._sending = threading.Lock()
        self._received = bytearray()

    def send(self, head: Head, body: bytes = b"") -> None:
        """Raises ``Gone``, and ``TypeError`` where the head is no JSON, before anything is sent."""
        encoded = orjson.dumps(head)
        with self._sending:
            try:
                self._end.sendall(LENGTHS.pack(len(encoded), len(body)) + encoded + body)
            except OSError as error:
                raise Gone(str(error)) from None

    def receive(self, seconds: float | None = None) -> tuple[Head, bytes] | None:
        """The next message; None: it has not come whole within ``seconds``. Raises ``Gone``."""
        while (message := self._taken()) is None:
            # Not by a timeout of the socket, which would hold for who sends meanwhile as well.
            if not self._news.poll(None if seconds is None else seconds * 1000):
                return None
            try:
                more = self._end.recv(1 << 16)
            except OSError as error:
                raise Gone(str(error)) from None
            if not more:
                raise Gone("closed")
            self._received += more
        return message

    def close(self) -> None:
        self._end.close()

    def _taken(self) -> tuple[Head, bytes] | None:
        """A message that has come whole."""
        if len(self._received) < LENGTHS.size:
            return None
        head, body = LENGTHS.unpack_from(self._received)
        if head + body > LONGEST:
            raise Gone(f"a message of {head + body} bytes")
        end = LENGTHS.size + head + body
        if len(self._received) < end:
            return None
        message = bytes(self._received[LENGTHS.size : end])
        del self._received[:end]
        try:
            return orjson.loads(message[:head]), message[head:]
        except orjson.JSONDecodeError:
            raise Gone("a message that is no JSON") from None
