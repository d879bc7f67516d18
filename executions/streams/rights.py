"""Whether a viewer may still look: asked again while a stream is open."""

from __future__ import annotations

from collections.abc import Hashable
from time import monotonic
from typing import Any

from django.contrib.auth import get_user_model
from django_eventstream.utils import get_channelmanager

from executions.conf import conf
from executions.permissions import may
from executions.streams.readers import Urgency, readers

LIST_CHANNEL = "executions"
MOST_REMEMBERED = 10_000

_answers: dict[Hashable, tuple[float, bool]] = {}


def may_read(user: Any, channel: str) -> bool:
    """Who may view executions, unless a project's own channel manager says no. For threads, not the loop."""
    return may(user, "view") and bool(get_channelmanager().can_read_channel(user, channel))


async def still(user: Any, channel: str) -> bool:
    """The same about the user as stored now; one look per user and heartbeat serves all streams of theirs."""
    key = (getattr(user, "pk", None), str(user))
    asked_at, allowed = _answers.get(key, (float("-inf"), False))
    if monotonic() - asked_at < conf.STREAM_HEARTBEAT_SECONDS / 2:
        return allowed
    allowed = await readers.run(Urgency.DOOR, _may_still, user, channel)
    if len(_answers) >= MOST_REMEMBERED:
        _answers.clear()
    _answers[key] = monotonic(), allowed
    return allowed


def _may_still(user: Any, channel: str) -> bool:
    model = get_user_model()
    stored = model._default_manager.filter(pk=user.pk).first() if isinstance(user, model) else user
    return may_read(stored, channel)
