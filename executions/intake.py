"""What comes before an execution: checking a request to start one, and the rows that store it."""

from __future__ import annotations

import re
import secrets
import string
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from executions import payloads
from executions.conf import conf
from executions.errors import InvalidInput
from executions.limits import Asked, Gate
from executions.moments import ms
from executions.states import EventType, ExecutionStatus
from executions.transitions import Row, Transition
from executions.vault.current import current_secrets
from executions.vault.inputs import blinded, sealed_input, unseen
from executions.vault.known import Secrets
from procedures.errors import Problem
from procedures.storable import is_suspect, some, unstorable
from workflows import library
from workflows.definition import Definition
from workflows.models import WorkflowVersion

IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,64}")
QUEUE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
ALPHABET = string.ascii_lowercase + string.digits
MAX_TIMEOUT = timedelta(days=3660)


@dataclass(frozen=True, slots=True)
class Start:
    """A checked request: everything that a new execution is made of."""

    version: WorkflowVersion
    definition: Definition
    execution_id: str
    input: dict[str, Any]
    encoded_input: bytes
    """As it is stored: with its secrets sealed."""
    secrets: Secrets | None = None
    """What it begins with; None: it has none."""
    newest: bool = False
    key: str | None = None
    on_conflict: str = "fail"
    tags: tuple[str, ...] = ()
    priority: int = 0
    timeout: timedelta | None = None
    trigger: str = "manual"
    trace_id: str = ""
    span_id: str = ""
    parent_span_id: str = ""
    queue: str = "default"
    lane: str | None = None
    """Where it waits for its turn; None: it need not."""
    gate: tuple[Row, ...] = ()
    """What it has to pass there: its lane's limits."""
    parent: str | None = None
    parent_run: int | None = None
    retry_of: str | None = None
    rerun_of: str | None = None
    runs: tuple[Row, ...] = field(default=())
    """Adopted node runs."""


def prepare(  # noqa: PLR0913 - the options of a start, by name
    workflow: str | None = None,
    *,
    definition: dict[str, Any] | None = None,
    input: dict[str, Any] | None = None,
    execution_id: str | None = None,
    key: str | None = None,
    on_conflict: str = "fail",
    tags: Iterable[str] = (),
    priority: int = 0,
    timeout: float | None = None,
    trigger: str = "manual",
    version: int | None = None,
    traceparent: str | None = None,
    queue: str | None = None,
    known: Secrets | None = None,
) -> Start:
    """Check everything and tell every problem at once.

    ``known``: the secrets of the execution that starts it; inside an attempt they are its own.

    Raises ``InvalidInput``, ``WorkflowNotFound`` and ``InvalidDefinition`` (of ``workflows.errors``).
    """
    given = {} if input is None else input
    problems = [
        *_workflow_problems(workflow, definition),
        *_identity_problems(execution_id, key, on_conflict),
        *_option_problems(list(tags), priority, timeout),
        *_queue_problems(queue),
    ]
    encoded, found = encode_input(given)
    problems += found
    if problems:
        raise InvalidInput(problems)
    stored = _version(workflow, definition, version)
    parsed = library.definition(stored)
    schema_problems = parsed.input_problems(given)
    if schema_problems:
        told = [{"detail": p.detail, "pointer": f"/input{p.pointer}"} for p in schema_problems]
        raise InvalidInput(unseen(told, parsed.input_schema, given))
    sealed = sealed_input(parsed.input_schema, given, encoded, known or current_secrets())
    trace_id, caller = _trace(traceparent)
    chosen_id, chosen_queue = execution_id or new_id(), queue or parsed.limits.queue
    lane, gate = _gate(
        stored, parsed, blinded(parsed.input_schema, given, sealed.secrets), chosen_id, chosen_queue
    )
    return Start(
        stored,
        parsed,
        chosen_id,
        given,
        sealed.encoded,
        sealed.secrets,
        newest=workflow is not None and version is None,
        key=key,
        on_conflict=on_conflict,
        tags=tuple(tags),
        priority=priority,
        timeout=None if timeout is None else timedelta(seconds=timeout),
        trigger=trigger,
        trace_id=trace_id,
        span_id=secrets.token_hex(8),
        parent_span_id=caller,
        queue=chosen_queue,
        lane=lane,
        gate=tuple(gate),
    )


def offloaded(start: Start) -> Start:
    """The same, with a large input in a file. Not for the loop."""
    if not payloads.is_large(start.encoded_input):
        return start
    place = payloads.Place(start.execution_id, payloads.INPUT, 1)
    return replace(start, encoded_input=payloads.put(start.encoded_input, place))


def queued(start: Start, now: datetime) -> Transition:
    """The rows of an execution that waits to be claimed."""
    made = Transition(start.execution_id, token=0, expected=0, seq=1)
    made.created = created_row(start)
    made.runs = list(start.runs)
    made.events = [queued_event(start, now)]
    return made


def created_row(start: Start) -> Row:
    return {
        "id": start.execution_id,
        "version": start.version.pk,
        "newest": start.newest,
        "workflow": start.definition.id,
        "name": start.definition.name,
        "status": ExecutionStatus.QUEUED,
        "input": orjson.Fragment(start.encoded_input),
        "trigger": start.trigger,
        "key": start.key,
        "tags": start.tags,
        "priority": start.priority,
        "parent": start.parent,
        "parent_run": start.parent_run,
        "queue": start.queue,
        "lane": start.lane,
        "gate": start.gate or None,
        "retry": start.retry_of,
        "rerun": start.rerun_of,
        "timeout": start.timeout.total_seconds() if start.timeout else None,
        "seq": 1,
        "token": 0,
        "trace": start.trace_id,
        "span": start.span_id,
        "caller": start.parent_span_id,
    }


def queued_event(start: Start, now: datetime) -> Row:
    data = {"workflowVersion": start.version.number, "trigger": start.trigger, "timestamp": ms(now)}
    return {
        "x": start.execution_id,
        "seq": 1,
        "type": EventType.WORKFLOW_QUEUED,
        "data": data,
        "at": now.timestamp(),
    }


def utcnow() -> datetime:
    return datetime.now(UTC)


def new_id() -> str:
    """``wf_exec_<epoch ms>_<9 of [a-z0-9]>``."""
    left, tail = secrets.randbelow(len(ALPHABET) ** 9), ""
    for _ in range(9):
        left, digit = divmod(left, len(ALPHABET))
        tail += ALPHABET[digit]
    return f"wf_exec_{int(time.time() * 1000)}_{tail}"


def encode_input(given: Any) -> tuple[bytes, list[dict[str, Any]]]:
    """The input as JSON text, and what is wrong with it."""
    if not isinstance(given, dict):
        return b"", [_problem("input must be an object", "/input")]
    try:
        encoded = orjson.dumps(given)
    except (TypeError, ValueError) as error:
        found = some(unstorable(given)) or [{"detail": f"not JSON: {error}", "pointer": ""}]
        return b"", _in_input(found)
    if len(encoded) > conf.MAX_INPUT_BYTES:
        return b"", [_problem(f"input is {len(encoded)} bytes; at most {conf.MAX_INPUT_BYTES}", "/input")]
    return encoded, _in_input(some(unstorable(given))) if is_suspect(encoded) else []


def _in_input(problems: Iterable[Problem]) -> list[dict[str, Any]]:
    return [_problem(problem["detail"], f"/input{problem['pointer']}") for problem in problems]


def _workflow_problems(workflow: Any, definition: dict[str, Any] | None) -> list[dict[str, Any]]:
    if workflow is None and definition is None:
        return [_problem("workflow or workflowId is required", "/workflowId")]
    if workflow is not None and definition is not None:
        return [_problem("give either workflow (an inline definition) or workflowId, not both", "/workflow")]
    if workflow is not None and not isinstance(workflow, str):
        return [_problem("workflowId must be a string", "/workflowId")]
    return []


def _identity_problems(execution_id: str | None, key: str | None, on_conflict: str) -> list[dict[str, Any]]:
    found = []
    if execution_id is not None and not (
        isinstance(execution_id, str) and IDENTIFIER.fullmatch(execution_id)
    ):
        found.append(_problem("executionId must be 1 to 64 of [A-Za-z0-9_-]", "/executionId"))
    if key is not None and not (isinstance(key, str) and 1 <= len(key) <= 200 and "\0" not in key):
        found.append(_problem("key must be a text of 1 to 200 characters", "/key"))
    if on_conflict not in ("fail", "useExisting"):
        found.append(_problem("onConflict must be fail or useExisting", "/onConflict"))
    return found


def _option_problems(tags: list[Any], priority: Any, timeout: Any) -> list[dict[str, Any]]:
    found = []
    for place, tag in enumerate(tags):
        if not (isinstance(tag, str) and 1 <= len(tag) <= 64 and "\0" not in tag):
            found.append(_problem("a tag must be a text of 1 to 64 characters", f"/tags/{place}"))
    if isinstance(priority, bool) or not isinstance(priority, int) or not 0 <= priority <= 9:
        found.append(_problem("priority must be an integer from 0 to 9", "/priority"))
    if timeout is not None and not _is_duration(timeout):
        limit = int(MAX_TIMEOUT.total_seconds() * 1000)
        found.append(_problem(f"timeoutMs must be a number above 0 and at most {limit}", "/timeoutMs"))
    return found


def _queue_problems(queue: Any) -> list[dict[str, Any]]:
    if queue is None or (isinstance(queue, str) and QUEUE.fullmatch(queue)):
        return []
    return [_problem("queue must be 1 to 64 of [A-Za-z0-9_.-]", "/queue")]


def _is_duration(value: Any) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and 0 < value <= MAX_TIMEOUT.total_seconds()
    )


def _gate(
    version: WorkflowVersion, definition: Definition, given: dict[str, Any], execution_id: str, queue: str
) -> tuple[str | None, Gate]:
    if not (definition.limits.concurrency or definition.limits.rate):
        return None, []
    asked = Asked(version, definition, given, execution_id)
    gate = asked.gate()
    return asked.lane(queue, gate), gate


_newest: dict[str, WorkflowVersion] = {}
"""The newest version of each workflow as last read. It may be old: the insert refuses what is not newest."""


def forget(workflow: str) -> None:
    """Its newest version is another by now."""
    _newest.pop(workflow, None)


def is_known(workflow: Any) -> bool:
    """Whether ``prepare`` can do without the database."""
    return isinstance(workflow, str) and workflow in _newest


def _version(workflow: str | None, definition: dict[str, Any] | None, number: int | None) -> WorkflowVersion:
    if definition is not None:
        return library.inline(definition)
    assert workflow is not None
    if number is not None:
        return library.version(workflow, number)
    found = _newest.get(workflow)
    if found is None:
        found = _newest[workflow] = library.current(workflow)
    return found


def _trace(traceparent: str | None) -> tuple[str, str]:
    """The trace to join and the span that called, from a W3C traceparent; else a trace of its own."""
    match = TRACEPARENT.fullmatch(traceparent) if traceparent else None
    return (match[1], match[2]) if match else (secrets.token_hex(16), "")


def _problem(detail: str, pointer: str) -> dict[str, Any]:
    return {"detail": detail, "pointer": pointer}
