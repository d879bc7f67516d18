"""``GET /workflow/executions-stream``: how all executions stand, always current."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from executions.queries import Filters, InvalidFilter
from executions.streams import hub, rights
from executions.streams.connection import Connection
from executions.streams.detail import forbidden
from executions.streams.door import Refusal, event_types, refuse_unknown, viewer
from executions.streams.feed import Heard
from executions.streams.frames import RETRY, chunks
from executions.streams.log import Head
from executions.streams.readers import Urgency, readers

NARROWED_BY = ("workflowId", "status", "tag")
UPDATE = "executions.update"


@dataclass(frozen=True, slots=True)
class ListTicket:
    """What was decided at the door."""

    user: Any
    filters: Filters
    types: frozenset[str] | None


def admit(request: HttpRequest) -> ListTicket:
    """Raises Refusal. Needs a thread, not the loop."""
    refuse_unknown(request)
    user = viewer(request)
    if not rights.may_read(user, rights.LIST_CHANNEL):
        raise Refusal(403, "You may not view executions.")
    try:
        filters = Filters.read({name: request.GET.getlist(name) for name in NARROWED_BY})
    except InvalidFilter as error:
        raise Refusal(400, str(error)) from error
    return ListTicket(user, filters, event_types(request))


class ListStream:
    """Rows and stats in windows, the log's events between them."""

    def __init__(self, connection: Connection, ticket: ListTicket) -> None:
        self._connection, self._ticket = connection, ticket

    async def frames(self) -> AsyncGenerator[bytes]:
        yield RETRY
        bell, here = self._connection.bell, hub.current()
        with here.watching_all(bell) as feed, here.boards.seen_by(self._ticket.filters, bell) as board:
            await readers.run(Urgency.LOG, feed.start)
            position = feed.position
            yield await board.initial()
            version = board.version
            while not self._connection.must_end:
                heard, position = feed.after(position), feed.position
                for wire in chunks(each.wire for each in heard if self._is_wanted(each)):
                    yield wire
                if board.version != version:
                    version = board.version
                    if self._wants(UPDATE):
                        yield board.update
                async for wire in self._beat():
                    yield wire
                await self._connection.pause()

    async def _beat(self) -> AsyncGenerator[bytes]:
        if not self._connection.is_beat_due:
            return
        if await rights.still(self._ticket.user, rights.LIST_CHANNEL):
            yield self._connection.beat()
        else:
            self._connection.closing = "forbidden"
            yield forbidden(rights.LIST_CHANNEL)

    def _is_wanted(self, heard: Heard) -> bool:
        return self._wants(heard.type) and matches(self._ticket.filters, heard.head)

    def _wants(self, type_: str) -> bool:
        return self._ticket.types is None or type_ in self._ticket.types


def matches(filters: Filters, head: Head) -> bool:
    """The same rule as ``Filters.apply``, for one execution that has been read."""
    return all(
        (not wanted.any_of or values & set(wanted.any_of)) and not values & set(wanted.none_of)
        for wanted, values in (
            (filters.status, {str(head.status)}),
            (filters.workflow, {head.workflow_id}),
            (filters.tag, set(head.tags)),
        )
    )
