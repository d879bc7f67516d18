"""The two stream views: asynchronous, without a thread or a database connection per open stream."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import TypeVar

from django.core.handlers.asgi import ASGIRequest
from django.db import OperationalError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.views.decorators.csrf import csrf_exempt
from django_eventstream.utils import add_default_headers

from executions.streams import detail, listing, shutdown
from executions.streams.connection import Connection, open_connections
from executions.streams.detail import DetailStream
from executions.streams.door import Refusal
from executions.streams.listing import ListStream
from executions.streams.readers import Urgency, readers

AGAIN = (("Retry-After", "5"),)
T = TypeVar("T", detail.Ticket, listing.ListTicket)


@csrf_exempt  # another method is told so, as a problem
@transaction.non_atomic_requests
async def execution_stream(request: HttpRequest, execution_id: str) -> HttpResponseBase:
    """The log of one execution as server-sent events, exact and resumable by ``Last-Event-ID``."""
    try:
        ticket = await _admitted(request, lambda: detail.admit(request, execution_id))
        if ticket.start.finished:
            return HttpResponse(status=204)  # tells EventSource to stop
        connection = _connection(request, f"of {execution_id}", ticket)
    except Refusal as refusal:
        return refusal.response(request)
    return _response(request, connection, DetailStream(connection, ticket).frames())


@csrf_exempt  # another method is told so, as a problem
@transaction.non_atomic_requests
async def executions_stream(request: HttpRequest) -> HttpResponseBase:
    """Rows and stats of all executions as server-sent events, always current."""
    try:
        ticket = await _admitted(request, lambda: listing.admit(request))
        connection = _connection(request, "of all executions", ticket)
    except Refusal as refusal:
        return refusal.response(request)
    return _response(request, connection, ListStream(connection, ticket).frames())


async def _admitted(request: HttpRequest, admit: Callable[[], T]) -> T:
    if request.method != "GET":
        raise Refusal(405, "A stream is read with GET.", (("Allow", "GET"),))
    if not isinstance(request, ASGIRequest):
        raise Refusal(501, "This server cannot stream (WSGI): poll the execution's events instead.")
    if open_connections().refusing:
        raise Refusal(503, "The server is going down.", AGAIN)
    try:
        return await readers.run(Urgency.DOOR, admit)
    except OperationalError as error:
        raise Refusal(503, "The database cannot be reached.", AGAIN) from error


def _connection(request: HttpRequest, name: str, ticket: detail.Ticket | listing.ListTicket) -> Connection:
    if not open_connections().has_room(ticket.user):
        raise Refusal(429, "Too many open streams.", AGAIN)
    shutdown.install()
    return Connection(name, ticket.user, request.META.get("REMOTE_ADDR", ""))


def _response(
    request: HttpRequest, connection: Connection, source: AsyncGenerator[bytes]
) -> HttpResponseBase:
    response = StreamingHttpResponse(connection.body(source), content_type="text/event-stream; charset=utf-8")
    add_default_headers(response, request)
    response["Cache-Control"] = "no-cache, no-transform"
    response["Content-Encoding"] = "identity"  # or GZipMiddleware would break the stream, silently
    return response
