"""An execution's event log and node runs, in pages: what pollers read instead of a stream."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from executions import events
from executions.conf import conf
from executions.errors import ExecutionNotFound
from executions.models import Event, Execution, NodeRun
from executions.moments import iso
from executions.queries import cursors
from executions.queries.documents import Telling, node_run
from executions.states import ExecutionStatus


def events_after(
    execution_id: str, after: int = 0, types: Iterable[str] | None = None, limit: int | None = None
) -> dict[str, Any]:
    """``{events, after, hasMore, terminal}``: the log above ``after``, of the ``types`` if given.

    ``after`` in the answer is where to go on; ``terminal`` says that nothing will ever follow it.
    Raises ExecutionNotFound.
    """
    size = min(limit or conf.MAX_EVENTS, conf.MAX_EVENTS)
    workflow_id, status, last = _head(execution_id)
    log = Event.objects.filter(execution_id=execution_id, seq__gt=after, seq__lte=last).order_by("seq")
    found = list((log.filter(type__in=list(types)) if types else log)[: size + 1])
    more = len(found) > size
    position = found[size - 1].seq if more else max(after, last)
    return {
        "events": [_payload(event, workflow_id) for event in found[:size]],
        "after": position,
        "hasMore": more,
        "terminal": ExecutionStatus(status).is_terminal and not more,
    }


def node_runs_page(
    execution_id: str,
    cursor: str | None = None,
    limit: int | None = None,
    *,
    inputs: bool = True,
    stack: bool = False,
) -> tuple[list[dict[str, Any]], str | None]:
    """All node runs in the order in which they were reached. Raises ExecutionNotFound, InvalidCursor."""
    _head(execution_id)
    size, scope = limit or conf.PAGE_SIZE, f"nodes.{execution_id}"
    after = cursors.decode(scope, cursor)[0] if cursor else -1
    runs = NodeRun.objects.filter(execution_id=execution_id, index__gt=after).order_by("index")
    found = list(runs[: size + 1])
    telling = Telling(inputs=inputs, stack=stack)
    rows = [node_run(run, telling) for run in found[:size]]
    return rows, cursors.encode(scope, [found[size - 1].index]) if len(found) > size else None


def _head(execution_id: str) -> tuple[str, str, int]:
    head = Execution.objects.filter(pk=execution_id).values_list("workflow_id", "status", "last_seq").first()
    if head is None:
        raise ExecutionNotFound(execution_id)
    return head


def _payload(event: Event, workflow_id: str) -> dict[str, Any]:
    told = events.payload(event.execution_id, workflow_id, event.seq, event.type, event.data)
    return {**told, "at": iso(event.at)}
