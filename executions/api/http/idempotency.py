"""``Idempotency-Key``: the same request twice does its work once, and gets the same answer.

The key is claimed in the transaction that does the work, so that there is never a claim without the work nor
the work without its claim. A caller that waits keeps its claim *in flight* until it is answered; should it
never be (the process died), the claim is answered as accepted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from typing import Any

import orjson
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone
from rest_framework.request import Request

from executions.api.http.problems import Problem, Refused, invalid
from executions.conf import conf
from executions.models import IdempotentRequest
from executions.permissions import actor

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
GRACE = timedelta(seconds=5)
PRUNED_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request is answered with, as it can be stored and given again."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer, and the claim that is still to be settled (None: nobody asked for it, or it is)."""

    answer: Answer
    claim: int | None = None

    @property
    def is_replayed(self) -> bool:
        return REPLAYED in self.answer.headers


def has_key(request: Request) -> bool:
    return HEADER in request.headers


def once(request: Request, work: Callable[[], Answer], *, waits: bool = False) -> Answered:
    """Do ``work`` unless the request's key has done it. ``waits``: the caller will ``settle`` the claim."""
    key = request.headers.get(HEADER)
    if key is None:
        return Answered(work())
    _check(key)
    with transaction.atomic():
        claimed = _claim(_scope(request), key, _fingerprint(request))
        if claimed is None:
            return _known(request, key)
        answer = work()
        _store(claimed.pk, answer, in_flight=waits)
    return Answered(answer, claimed.pk if waits else None)


def settle(claim: int, answer: Answer) -> None:
    """Give ``answer`` to whoever comes with the same key again."""
    _store(claim, answer, in_flight=False)


def _check(key: str) -> None:
    if not (1 <= len(key) <= 255 and key.isprintable()):
        detail = "Idempotency-Key must be 1 to 255 printable characters."
        raise invalid([{"detail": detail, "pointer": "#/header/Idempotency-Key"}])


def _scope(request: Request) -> str:
    """Who asked and which route, whatever the address that it was asked at."""
    path = request.path.rstrip("/").removeprefix("/api")
    return sha256(f"{actor(request._request) or request.user}\n{path}".encode()).hexdigest()


def _fingerprint(request: Request) -> str:
    return sha256(orjson.dumps(request.data, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _claim(scope: str, key: str, fingerprint: str) -> IdempotentRequest | None:
    """Ours from here on, or None when somebody has it. A second claimer waits here for the first's commit."""
    _prune()
    try:
        with transaction.atomic():
            return IdempotentRequest.objects.create(scope=scope, key=key, fingerprint=fingerprint)
    except IntegrityError:
        return None


def _known(request: Request, key: str) -> Answered:
    found = IdempotentRequest.objects.filter(scope=_scope(request), key=key).first()
    if found is None:  # pruned between the two statements
        raise _in_flight()
    if found.fingerprint != _fingerprint(request):
        detail = "This Idempotency-Key was used with another body."
        raise Refused(Problem(422, detail, "idempotency-key-reused"))
    if found.status is None and timezone.now() - found.created_at < _longest_flight():
        raise _in_flight()
    headers = {**found.headers, REPLAYED: "true"}
    return Answered(Answer(found.status or 202, found.body or {}, headers))


def _in_flight() -> Refused:
    detail = "A request with this Idempotency-Key is in flight."
    return Refused(Problem(409, detail, "idempotency-key-in-flight", headers={"Retry-After": "1"}))


def _longest_flight() -> timedelta:
    return timedelta(seconds=conf.WAIT_SECONDS) + GRACE


def _store(claim: int, answer: Answer, *, in_flight: bool) -> None:
    IdempotentRequest.objects.filter(pk=claim).update(
        status=None if in_flight else answer.status, body=answer.body, headers=answer.headers
    )


def _prune() -> None:
    """Forget what is too old to be remembered, a little with each claim."""
    old = IdempotentRequest.objects.filter(created_at__lt=Now() - timedelta(hours=conf.IDEMPOTENCY_HOURS))
    batch = old.order_by("created_at").select_for_update(skip_locked=True).values("pk")[:PRUNED_AT_ONCE]
    IdempotentRequest.objects.filter(pk__in=list(batch.values_list("pk", flat=True))).delete()
