"""What a process knows of one watched execution, and who watches it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from itertools import islice

from executions.conf import conf
from executions.states import ExecutionStatus
from executions.streams.frames import Frame
from executions.streams.log import Head

RING_BYTES = 2 << 20


class Channel:
    """The newest frames of one execution, shared by all its viewers; each viewer has only a cursor.

    So a slow reader costs nothing: what the ring no longer holds, it reads from the log.
    """

    __slots__ = ("_bytes", "bells", "execution_id", "frames", "gone", "head", "readers", "status", "untold")

    def __init__(self, execution_id: str) -> None:
        self.execution_id = execution_id
        self.head: int | None = None
        """The newest seq that is known; None before the first look, and while it does not exist."""
        self.status: ExecutionStatus | None = None
        self.gone = False
        """It was there, and was deleted."""
        self.frames: deque[Frame] = deque()
        self.bells: set[asyncio.Event] = set()
        self.readers = 0
        """How many of the watchers want frames, not only the status."""
        self.untold = True
        """Somebody came who has not been told yet, however little has changed."""
        self._bytes = 0

    def after(self, cursor: int) -> list[Frame] | None:
        """The frames above ``cursor``; None where only the log can tell."""
        if self.head is None:
            return None
        if cursor >= self.head:
            return []
        if not self.frames or self.frames[0].seq > cursor + 1:
            return None
        return list(islice(self.frames, cursor + 1 - self.frames[0].seq, None))

    def start_from(self, seq: int | None) -> None:
        """Read on from ``seq``, not from where the execution stands, if nobody has looked yet."""
        if self.head is None:
            self.head = seq

    def see(self, head: Head | None) -> bool:
        """Take note of where the execution stands, if it is there; whether frames are to be read."""
        if head is None:
            self.gone = self.head is not None
            self.untold = self.untold or self.gone
            return False
        if self.status != head.status:
            self.status, self.untold = head.status, True
        if self.head is None or not self.readers:
            self._skip_to(head.last_seq)
        return head.last_seq > (self.head or 0)

    def append(self, frames: Iterable[Frame]) -> None:
        for frame in frames:
            self.frames.append(frame)
            self._bytes += len(frame.wire)
            self.head, self.untold = frame.seq, True
        while self.frames and (len(self.frames) > conf.STREAM_BUFFER or self._bytes > RING_BYTES):
            self._bytes -= len(self.frames.popleft().wire)

    def tell(self) -> None:
        """Wake those who watch, if there is something to tell them."""
        if self.untold:
            self.untold = False
            for bell in self.bells:
                bell.set()

    def _skip_to(self, seq: int) -> None:
        if self.head != seq:
            self.frames.clear()
            self._bytes = 0
            self.head, self.untold = seq, True
