"""The row of an execution, for a verb that needs it."""

from __future__ import annotations

from typing import Any

from django.db.models import TextField
from django.db.models.functions import Cast

from executions import payloads
from executions.errors import ExecutionNotFound
from executions.models import Execution
from executions.operations.transactions import USING
from executions.vault.known import Secrets
from executions.vault.stored import Stored, opened, read


def found(execution_id: str) -> Execution:
    """With its version."""
    row = Execution.objects.using(USING).select_related("version").filter(pk=execution_id).first()
    if row is None:
        raise ExecutionNotFound(execution_id)
    return row


def locked(execution_id: str) -> Execution:
    """Held until the transaction ends: nobody gives its lease back, ends it or deletes it meanwhile."""
    row = Execution.objects.using(USING).select_for_update(of=("self",)).filter(pk=execution_id).first()
    if row is None:
        raise ExecutionNotFound(execution_id)
    return row


def plain_input(execution: Execution) -> dict[str, Any]:
    """As it was given; its secrets are as secret as before once it is stored again."""
    texts = Execution.objects.using(USING).annotate(stored=Cast("input", TextField()))
    text = texts.values_list("stored", flat=True).get(pk=execution.pk)
    value = read(text)
    if isinstance(value, Stored) and value.reference is not None:
        payloads.fetch([value])
    given: dict[str, Any] = opened(value, Secrets())
    return given
