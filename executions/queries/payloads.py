"""One value, whole, however large: what documents leave out."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

import orjson
from django.db.models import TextField
from django.db.models.functions import Cast

from executions import payloads
from executions.errors import ExecutionNotFound
from executions.models import Execution, NodeRun
from executions.states import NodeStatus
from executions.vault.stored import reference_in, shown


class NodeRunNotFound(Exception):
    def __init__(self, run_id: str) -> None:
        super().__init__(f"There is no node run {run_id!r} that has completed.")


def input_chunks(execution_id: str) -> Iterator[bytes]:
    """An execution's input as JSON text. Raises ExecutionNotFound, and Damaged."""
    stored = _column(Execution.objects.filter(pk=execution_id), "input")
    if stored is None:
        raise ExecutionNotFound(execution_id)
    return _chunks(stored)


def output_chunks(execution_id: str, run_id: str) -> Iterator[bytes]:
    """What a node run gave, as JSON text. Raises NodeRunNotFound, and Damaged."""
    _, _, index = run_id.rpartition(".")
    if run_id != f"{execution_id}.{index}" or not (index.isdecimal() and len(index) <= 9):
        raise NodeRunNotFound(run_id)
    completed = NodeRun.objects.filter(execution_id=execution_id, index=index, status=NodeStatus.COMPLETED)
    if not completed.exists():
        raise NodeRunNotFound(run_id)
    return _chunks(_column(completed, "output") or "null")


def _column(rows: Any, name: str) -> str | None:
    found: str | None = rows.annotate(stored=Cast(name, TextField())).values_list("stored", flat=True).first()
    return found


def _chunks(stored: str) -> Iterator[bytes]:
    """What keeps it from being read is raised here, not on the way."""
    content = orjson.loads(stored)
    reference = reference_in(content)
    if reference is None:
        return iter([orjson.dumps(shown(content))])
    found = payloads.shown_chunks(reference)
    return chain([next(found)], found)
