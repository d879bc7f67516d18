"""Who comes in, and from where they want to go on: read from a request before its stream starts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, JsonResponse, QueryDict
from django_eventstream import EventRequest

from executions.states import ExecutionStatus

EXECUTION_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
SEQ = re.compile(r"[0-9]{1,9}")
NOT_OURS = ("es-meta", "link", "recover")
"""Parameters by which django-eventstream's proxies name users and channels: never believed here."""


@dataclass(frozen=True, slots=True)
class Refusal(Exception):
    """No stream; answered as problem+json."""

    status: int
    detail: str
    headers: tuple[tuple[str, str], ...] = ()

    def response(self, request: HttpRequest) -> JsonResponse:
        problem = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "instance": request.path,
            "error": self.detail,
        }
        headers = {"Cache-Control": "no-store", **dict(self.headers)}
        return JsonResponse(
            problem, status=self.status, content_type="application/problem+json", headers=headers
        )


@dataclass(frozen=True, slots=True)
class Start:
    """Where a stream of one execution begins: after ``cursor``, or with a snapshot where that is None."""

    cursor: int | None = None
    reset: bool = False
    finished: bool = False
    """The client has the terminal event already."""


def start(request: HttpRequest, execution_id: str, status: ExecutionStatus, last_seq: int) -> Start:
    """What ``Last-Event-ID``, ``?lastEventId=`` and ``?after=`` ask for. Raises Refusal."""
    told = last_event_id(request)
    if told:
        seq = resumed_seq(request, told, execution_id)
        if seq is None or seq > last_seq:
            return Start(reset=True)
        return Start(cursor=seq, finished=status.is_terminal and seq == last_seq)
    after = request.GET.get("after")
    if after is None:
        return Start()
    if not SEQ.fullmatch(after):
        raise Refusal(400, f"after={after!r} is not a position in the log: write a number from 0.")
    if int(after) > last_seq:
        return Start(reset=True)
    # Whoever asks for "after the end" of a finished execution still gets its last event.
    return Start(cursor=min(int(after), last_seq - 1) if status.is_terminal else int(after))


def last_event_id(request: HttpRequest) -> str:
    """The header's, else the last one of the query that is not empty."""
    asked = [value for value in request.GET.getlist("lastEventId") if value]
    return request.headers.get("Last-Event-ID") or (asked[-1] if asked else "")


def resumed_seq(request: HttpRequest, told: str, execution_id: str) -> int | None:
    """The seq in an event id of this execution; None for foreign ids and garbage."""
    if SEQ.fullmatch(told) and not request.headers.get("Last-Event-ID"):
        return int(told)
    request.GET = _without_proxy_words(request.GET)  # type: ignore[assignment]
    try:
        parsed = EventRequest(request, view_kwargs={"channels": [execution_id]})
    except EventRequest.Error:
        return None
    seq = parsed.channel_last_ids.get(execution_id, "")
    return int(seq) if SEQ.fullmatch(seq) else None


def event_types(request: HttpRequest) -> frozenset[str] | None:
    """``?events=a,b``; None for all."""
    listed = ",".join(request.GET.getlist("events"))
    return frozenset(filter(None, (part.strip() for part in listed.split(",")))) or None


def refuse_unknown(request: HttpRequest, known: Iterable[str] = ()) -> None:
    """There is no dialect but the log's own."""
    dialect = request.GET.get("dialect")
    if dialect and dialect not in known:
        raise Refusal(400, f"There is no dialect {dialect!r}.")


def viewer(request: HttpRequest) -> Any:
    """Who looks, or None. Needs a thread, not the loop: the session may be read."""
    user = request.user
    return user if user.is_authenticated else None


def _without_proxy_words(asked: QueryDict) -> QueryDict:
    kept = asked.copy()
    for name in NOT_OURS:
        kept.pop(name, None)
    return kept
