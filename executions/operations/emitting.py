"""Internal events: told to whoever waits for them, now or soon."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from executions import notifications
from executions.errors import InvalidInput
from executions.models import Emission
from executions.operations.commands import NAME_LENGTH, check_name, check_payload
from executions.operations.transactions import USING, refuse_foreign
from procedures.storable import some, unstorable


def emit(name: str, payload: Any = None, key: str = "") -> Emission:
    """Tell every node that waits for the event ``name`` and has this ``key``, once the caller has committed.

    Raises ``InvalidInput``, ``ForeignTransaction``.
    """
    refuse_foreign("emit")
    check_name(name, "/name")
    if not (isinstance(key, str) and len(key) <= NAME_LENGTH) or some(unstorable(key)):
        detail = f"key must be a text of at most {NAME_LENGTH} characters"
        raise InvalidInput([{"detail": detail, "pointer": "/key"}])
    given = {} if payload is None else payload
    check_payload(given)
    emitted = Emission.objects.using(USING).create(name=name, key=key, payload=given)
    transaction.on_commit(lambda: notifications.wake(None), using=USING)
    return emitted
