"""``GET /workflow/executions/:id/stream``: the log of one execution, exact."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from executions import queries
from executions.conf import conf
from executions.errors import ExecutionNotFound
from executions.permissions import may
from executions.streams import hub, log, rights
from executions.streams.channel import Channel
from executions.streams.connection import Connection
from executions.streams.door import (
    EXECUTION_ID,
    Refusal,
    Start,
    event_types,
    last_event_id,
    refuse_unknown,
    start,
    viewer,
)
from executions.streams.frames import RETRY, Frame, chunks, dumps, encode, milliseconds, position
from executions.streams.readers import Urgency, readers


@dataclass(frozen=True, slots=True)
class Ticket:
    """What was decided at the door."""

    execution_id: str
    user: Any
    start: Start
    types: frozenset[str] | None
    exists: bool


def admit(request: HttpRequest, execution_id: str) -> Ticket:
    """Raises Refusal. Needs a thread, not the loop."""
    refuse_unknown(request)
    user = viewer(request)
    if not rights.may_read(user, execution_id):
        raise Refusal(403, "You may not view executions.")
    head = log.heads([execution_id]).get(execution_id) if EXECUTION_ID.fullmatch(execution_id) else None
    if head is not None:
        begin = start(request, execution_id, head.status, head.last_seq)
        return Ticket(execution_id, user, begin, event_types(request), exists=True)
    if request.GET.get("wait") != "1" or not EXECUTION_ID.fullmatch(execution_id):
        raise Refusal(404, str(ExecutionNotFound(execution_id)))
    begin = Start(reset=bool(last_event_id(request)))
    return Ticket(execution_id, user, begin, event_types(request), exists=False)


class DetailStream:
    """Frames of one execution from the door's decision to the end."""

    def __init__(self, connection: Connection, ticket: Ticket) -> None:
        self._connection, self._ticket = connection, ticket
        self._id = ticket.execution_id
        self._types = ticket.types

    async def frames(self) -> AsyncGenerator[bytes]:
        connected = {"executionId": self._id, "timestamp": milliseconds()}
        yield RETRY + encode("workflow.stream.connected", connected)
        with hub.current().watching(self._id, self._connection.bell) as channel:
            if not self._ticket.exists:
                async for wire in self._until_it_exists(channel):
                    yield wire
            if self._connection.must_end:
                return
            begin = self._ticket.start
            if begin.reset:
                yield encode("stream-reset", {"channels": [self._id]})
            cursor = begin.cursor or 0
            if begin.cursor is None:
                cursor, snapshot = await readers.run(Urgency.DOOR, _snapshot, self._id)
                yield snapshot
            async for wire in self._follow(channel, cursor):
                yield wire

    async def _until_it_exists(self, channel: Channel) -> AsyncGenerator[bytes]:
        while channel.head is None and not self._connection.must_end:
            await self._connection.pause()
            async for wire in self._beat():
                yield wire

    async def _follow(self, channel: Channel, cursor: int) -> AsyncGenerator[bytes]:
        while not self._connection.must_end:
            found = channel.after(cursor)
            if found is None:
                found = await hub.current().page(self._id, cursor)
            if found:
                cursor = found[-1].seq
                for wire in chunks(frame.wire for frame in found if self._is_wanted(frame)):
                    yield wire
                if found[-1].is_terminal:
                    yield await readers.run(Urgency.DOOR, _result, self._id, self._ticket.user)
                    return
            elif channel.gone or cursor < (channel.head or 0):
                self._connection.closing = "gone"  # deleted meanwhile
            else:
                await self._connection.pause()
            async for wire in self._beat():
                yield wire

    async def _beat(self) -> AsyncGenerator[bytes]:
        if not self._connection.is_beat_due:
            return
        if await rights.still(self._ticket.user, self._id):
            yield self._connection.beat()
        else:
            self._connection.closing = "forbidden"
            yield forbidden(self._id)

    def _is_wanted(self, frame: Frame) -> bool:
        return self._types is None or frame.is_terminal or frame.type in self._types


def forbidden(channel: str) -> bytes:
    """The last frame for who may look no longer."""
    text = "You may no longer view executions."
    return encode("stream-error", {"condition": "forbidden", "text": text, "channels": [channel]})


def _snapshot(execution_id: str) -> tuple[int, bytes]:
    """The seq is read before the rows: what they know beyond it is told again, to the same effect."""
    head = log.heads([execution_id])[execution_id]
    seq = head.last_seq - 1 if head.status.is_terminal else head.last_seq
    document = queries.execution_document(execution_id, spans=False, output_limit=conf.EVENT_OUTPUT_BYTES)
    wire = encode("execution.snapshot", {"execution": document, "seq": seq}, position(execution_id, seq))
    return seq, wire


def _result(execution_id: str, user: Any) -> bytes:
    result = queries.result_document(execution_id, stack=may(user, "see_errors"))
    told = dumps({"result": result})
    if len(told.encode()) > conf.RESULT_BYTES:
        kept = {name: value for name, value in result.items() if name not in ("outputs", "spans")}
        told = dumps({"result": {**kept, "truncated": True}})
    return encode("workflow.result", told)
