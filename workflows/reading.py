"""A document to a definition, leniently: everything that is wrong is noted, what is right is read."""

from __future__ import annotations

from typing import Any

from workflows.errors import nearest, suggestion
from workflows.expressions import Expression, template
from workflows.kinds import KINDS
from workflows.kinds.kind import Kind
from workflows.policies import Concurrency, Limits, Rate, RetryPolicy, Timeout
from workflows.shape import (
    Field,
    Reading,
    evaluated,
    identifier,
    list_of,
    mapping,
    number,
    one_or_more,
    optional,
    record,
    required,
    resolved_mapping,
    text,
    whole,
)
from workflows.storable import is_storable
from workflows.structure import Definition, Node

NODES = 10_000
GATES = 4
"""Limits of one sort that a workflow may have."""
KEY_ROOTS = frozenset({"input", "vars", "trigger", "execution"})
SECONDS = 100 * 366 * 86_400.0
_EMPTY = template({})


def read(document: Any) -> tuple[Definition | None, Reading]:
    """The definition as far as it can be read: None where there is nothing to hold on to."""
    reading = Reading()
    if not is_storable(reading, document):
        return None, reading
    fields = reading.record(document, "", DOCUMENT)
    nodes = document.get("nodes") if isinstance(document, dict) else None
    if not isinstance(nodes, list) or (reading.problems and not fields):
        return None, reading
    return _definition(fields, document, _nodes(reading, nodes)), reading


def _definition(fields: dict[str, Any], document: dict[str, Any], nodes: dict[str, Node]) -> Definition:
    trigger = [fields["trigger"]] if "trigger" in fields else []
    return Definition(
        id=fields.get("id", ""),
        name=fields.get("name", ""),
        description=fields.get("description", ""),
        version=fields.get("version", ""),
        start_node=fields.get("startNode", ""),
        nodes=nodes,
        variables=fields.get("variables", {}),
        input_schema=fields.get("inputSchema"),
        outputs=fields.get("outputs"),
        triggers=(*trigger, *fields.get("triggers", ())),
        metadata=fields.get("metadata", {}),
        limits=fields.get("limits", Limits()),
        document=document,
    )


def _nodes(reading: Reading, documents: list[Any]) -> dict[str, Node]:
    if not documents:
        reading.refuse("/nodes", "a workflow needs at least one node")
    if len(documents) > NODES:
        reading.refuse("/nodes", f"at most {NODES} nodes, got {len(documents)}")
        return {}
    nodes: dict[str, Node] = {}
    for position, document in enumerate(documents):
        node = _node(reading, document, f"/nodes/{position}")
        if node is None:
            continue
        if node.id in nodes:
            reading.refuse(f"{node.pointer}/id", f"there is already a node {node.id!r}")
        nodes.setdefault(node.id, node)
    return nodes


def _node(reading: Reading, document: Any, pointer: str) -> Node | None:
    """None where even the id is missing."""
    fields = reading.record(document, pointer, NODE)
    kind = _kind(reading, document, pointer)
    config = _config(reading, document, kind, pointer)
    if kind is not None:
        _check_fit(reading, document, kind, pointer)
        if kind.check is not None:
            kind.check(reading, document, config, pointer)
    if "id" not in fields:
        return None
    common = {_COMMON[name]: value for name, value in fields.items() if name in _COMMON}
    free = kind is not None and kind.config is None
    common |= {"pointer": pointer, "config": config.get("", _EMPTY) if free else _EMPTY}
    return (
        Node(**{**common, "kind": ""}) if kind is None else kind.build({**common, "kind": kind.name}, config)
    )


def _check_fit(reading: Reading, document: dict[str, Any], kind: Kind, pointer: str) -> None:
    """What only some kinds can have."""
    for name in _SOME:
        if document.get(name) is None or name in kind.takes:
            continue
        takers = " and ".join(other.name for other in KINDS.values() if name in other.takes)
        hint = "; a wait has 'timeout' in its config" if (name, kind.name) == ("timeout", "wait") else ""
        reading.refuse(f"{pointer}/{name}", f"{name!r} is for nodes of type {takers}{hint}")


def _kind(reading: Reading, document: Any, pointer: str) -> Kind | None:
    name = document.get("type") if isinstance(document, dict) else None
    if not isinstance(name, str):
        return None
    if name not in KINDS:
        hint = suggestion(nearest(name, KINDS)) or f"; there are {', '.join(KINDS)}"
        return reading.refuse(f"{pointer}/type", f"unknown kind {name[:80]!r}{hint}")
    return KINDS[name]


def _config(reading: Reading, document: Any, kind: Kind | None, pointer: str) -> dict[str, Any]:
    """The fields that the kind knows; a free config is one template, under ""."""
    if kind is None:
        return {}
    config = document.get("config")
    config = {} if config is None else config
    if kind.config is not None:
        return reading.record(config, f"{pointer}/config", kind.config)
    return {"": resolved_mapping(reading, config, f"{pointer}/config") or _EMPTY}


def _following(reading: Reading, value: Any, pointer: str) -> str | None:
    """``next``: an id, or a list of at most one."""
    if not isinstance(value, list):
        return identifier(reading, value, pointer)
    if len(value) > 1:
        return reading.refuse(
            pointer,
            f"{len(value)} nodes cannot follow one: put them as branches of a node of type 'parallel'",
        )
    return identifier(reading, value[0], f"{pointer}/0") if value else None


def _jitter(reading: Reading, value: Any, pointer: str) -> float | None:
    """A share of the delay, or all of it (true), or none (false)."""
    return float(value) if isinstance(value, bool) else number(0, 1)(reading, value, pointer)


def _retry(reading: Reading, value: Any, pointer: str) -> RetryPolicy:
    fields = reading.record(value, pointer, RETRY)
    return RetryPolicy(**{_RETRY[name]: item for name, item in fields.items()})


def _timeout(reading: Reading, value: Any, pointer: str) -> Timeout:
    if not isinstance(value, dict):
        return Timeout(start_to_close=number(0.001, SECONDS)(reading, value, pointer))
    fields = reading.record(value, pointer, TIMEOUT)
    return Timeout(**{_TIMEOUT[name]: item for name, item in fields.items()})


def _limits(reading: Reading, value: Any, pointer: str) -> Limits:
    fields = reading.record(value, pointer, LIMITS)
    return Limits(**{_LIMITS[name]: item for name, item in fields.items()})


def _concurrency(reading: Reading, value: Any, pointer: str) -> Concurrency | None:
    """A number is the limit of the whole workflow."""
    if not isinstance(value, dict):
        limit = whole(1, 1_000_000)(reading, value, pointer)
        return None if limit is None else Concurrency(limit=limit)
    fields = reading.record(value, pointer, CONCURRENCY)
    return Concurrency(**fields) if "limit" in fields else None


def _rate(reading: Reading, value: Any, pointer: str) -> Rate | None:
    fields = reading.record(value, pointer, RATE)
    return Rate(**fields) if {"limit", "seconds"} <= fields.keys() else None


def _key(reading: Reading, value: Any, pointer: str) -> Expression | None:
    """Asked when an execution is started: nothing has run yet."""
    found = evaluated(reading, value, pointer)
    for root in sorted(found.roots - KEY_ROOTS):
        reading.refuse(pointer, f"{root!r} is not in reach here; there are {', '.join(sorted(KEY_ROOTS))}")
    return found


# The fields of a document


TRIGGER = {
    "id": optional(identifier),
    "provider": optional(text(64)),
    "triggerProcedure": optional(text(200)),
    "eventType": optional(text(200)),
    "subscriptionConfig": optional(mapping),
}
RETRY = {
    "maxAttempts": optional(whole(1, 10_000)),
    "initialInterval": optional(number(0, SECONDS)),
    "backoff": optional(number(1, 1_000)),
    "maxInterval": optional(number(0, SECONDS)),
    "jitter": optional(_jitter),
    "maxElapsed": optional(number(0, SECONDS)),
    "retryOn": optional(list_of(text(200, shortest=1))),
    "nonRetryable": optional(list_of(text(200, shortest=1))),
}
TIMEOUT = {
    "startToClose": optional(number(0.001, SECONDS)),
    "scheduleToStart": optional(number(0.001, SECONDS)),
    "heartbeat": optional(number(0.001, SECONDS)),
}
NODE = {
    "id": required(identifier),
    "type": required(text(64)),
    "name": optional(text(200)),
    "description": optional(text()),
    "procedureName": optional(text(200, shortest=1)),
    "config": Field(lambda reading, value, pointer: None),
    "next": optional(_following),
    "onError": optional(identifier),
    "retry": optional(_retry),
    "timeout": optional(_timeout),
    "queue": optional(text(64)),
    "compensate": optional(identifier),
    "key": optional(evaluated),
}
CONCURRENCY = {"limit": required(whole(1, 1_000_000)), "key": optional(_key)}
RATE = {
    "limit": required(whole(1, 1_000_000)),
    "seconds": required(number(0.001, SECONDS)),
    "key": optional(_key),
}
LIMITS = {
    "nodeRuns": optional(whole(1, 1_000_000)),
    "concurrency": optional(one_or_more(_concurrency, GATES)),
    "rate": optional(one_or_more(_rate, GATES)),
    "fairness": optional(_key),
    "queue": optional(identifier),
}
DOCUMENT = {
    "id": required(identifier),
    "name": required(text(200, shortest=1)),
    "description": optional(text()),
    "version": required(text(64, shortest=1)),
    "startNode": required(identifier),
    "nodes": required(list_of(lambda reading, value, pointer: None)),
    "variables": optional(mapping),
    "inputSchema": optional(mapping),
    "outputs": optional(resolved_mapping),
    "trigger": optional(record(TRIGGER)),
    "triggers": optional(list_of(record(TRIGGER))),
    "metadata": optional(mapping),
    "limits": optional(_limits),
}
_COMMON = {
    "id": "id",
    "name": "name",
    "description": "description",
    "procedureName": "procedure",
    "next": "next",
    "onError": "on_error",
    "retry": "retry",
    "timeout": "timeout",
    "queue": "queue",
    "compensate": "compensate",
    "key": "key",
}
_SOME = ("retry", "timeout", "compensate", "key")
_LIMITS = {
    "nodeRuns": "node_runs",
    "concurrency": "concurrency",
    "rate": "rate",
    "fairness": "fairness",
    "queue": "queue",
}
_RETRY = {
    "maxAttempts": "max_attempts",
    "initialInterval": "initial_interval",
    "backoff": "backoff",
    "maxInterval": "max_interval",
    "jitter": "jitter",
    "maxElapsed": "max_elapsed",
    "retryOn": "retry_on",
    "nonRetryable": "non_retryable",
}
_TIMEOUT = {
    "startToClose": "start_to_close",
    "scheduleToStart": "schedule_to_start",
    "heartbeat": "heartbeat",
}
