"""Workflows in Python, kept under a name in an app's ``workflows`` module::

    order = workflow("order", name="Order")

    fetch = order.procedure("fetch", "data.fetch", userId="user123")
    premium = order.procedure("premium", "data.process", mode="premium")
    basic = order.procedure("basic", "data.process", mode="basic")
    save = order.procedure("save", "data.save", retry=RetryPolicy(max_attempts=5))
    check = order.condition("check", "isPremium === true", true=premium, false=basic)

    fetch >> check
    [premium, basic] >> save

The first node written is the start, unless ``start=`` names another. Nothing is refused here: what is wrong
is told by the system checks, with the line that wrote it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from typing import Any, Protocol

from workflows.policies import Join, RetryPolicy, Timeout


class Named(Protocol):
    """A procedure, or anything else that goes by a name."""

    name: str


class NodeBuilder:
    """One node in the making. ``a >> b``: b follows a, and is what the whole gives: ``a >> b >> c``."""

    def __init__(self, document: dict[str, Any], place: str) -> None:
        self.document, self.place = document, place

    @property
    def id(self) -> str:
        return str(self.document["id"])

    def __rshift__(self, following: NodeBuilder) -> NodeBuilder:
        self.document["next"] = following.id
        return following

    def __rrshift__(self, earlier: Iterable[NodeBuilder]) -> NodeBuilder:
        """``[a, b] >> c``: c follows each of them."""
        for node in earlier:
            node.document["next"] = self.id
        return self

    def __repr__(self) -> str:
        return f"<node {self.id}>"


Target = NodeBuilder | str
"""A node, or the id of one that is written further down."""


class Workflow:
    """One workflow in the making; ``definition()`` is its document. ``place`` is the module and line."""

    def __init__(self, document: dict[str, Any], place: str, start: Target | None) -> None:
        self._document, self.place, self._start = document, place, start
        self.nodes: list[NodeBuilder] = []

    @property
    def id(self) -> str:
        return str(self._document["id"])

    def definition(self) -> dict[str, Any]:
        first = self._start or next(iter(self.nodes), None)
        return {
            **self._document,
            **({} if first is None else {"startNode": _id(first)}),
            "nodes": [dict(node.document) for node in self.nodes],
        }

    def procedure(
        self, id: str, procedure: str | Named, /, *, config: Mapping[str, Any] | None = None, **fields: Any
    ) -> NodeBuilder:
        """Calls a procedure with the other keywords as its input.

        ``name, description, next, on_error, retry, timeout, queue`` are the node's own; a procedure's input
        that is called the same goes into ``config``.
        """
        own = {name: fields.pop(name) for name in _NODE & fields.keys()}
        name = procedure if isinstance(procedure, str) else procedure.name
        return self._add("procedure", id, own, {**(config or {}), **fields}, procedureName=name)

    def condition(
        self,
        id: str,
        expression: str,
        /,
        *,
        true: Target | None = None,
        false: Target | None = None,
        **own: Any,
    ) -> NodeBuilder:
        """One way or the other; None ends the line."""
        config = {"expression": expression, "trueBranch": _id(true), "falseBranch": _id(false)}
        return self._add("condition", id, own, config)

    def switch(
        self, id: str, cases: Mapping[str, Target | None], /, *, default: Target | None = None, **own: Any
    ) -> NodeBuilder:
        """``cases`` are expressions and where they lead; the first that holds is taken."""
        config = {
            "cases": [{"when": when, "next": _id(target)} for when, target in cases.items()],
            "default": _id(default),
        }
        return self._add("switch", id, own, config)

    def parallel(
        self,
        id: str,
        /,
        branches: Iterable[Target],
        *,
        wait_for_all: bool = True,
        join: Join | Mapping[str, Any] | None = None,
        **own: Any,
    ) -> NodeBuilder:
        """Runs the branches at once, each from its first node; what follows runs once, after the join."""
        how = {"waitForAll": wait_for_all} if join is None else {"join": _join(join)}
        return self._add("parallel", id, own, {"branches": [_id(branch) for branch in branches], **how})

    def sequential(self, id: str, /, **own: Any) -> NodeBuilder:
        """Passes on."""
        return self._add("sequential", id, own, {})

    def trigger(self, id: str, procedure: str | None = None, /, **own: Any) -> NodeBuilder:
        """Where an execution that was triggered comes in."""
        return self._add("trigger", id, own, {}, **({"procedureName": procedure} if procedure else {}))

    def delay(
        self, id: str, /, *, seconds: float | str | None = None, until: str | None = None, **own: Any
    ) -> NodeBuilder:
        """Sleeps that long, or until then; either may be an expression."""
        config = {
            name: value for name, value in (("seconds", seconds), ("until", until)) if value is not None
        }
        return self._add("delay", id, own, config)

    def __repr__(self) -> str:
        return f"<workflow {self.id} at {self.place}>"

    def _add(
        self, kind: str, id: str, own: Mapping[str, Any], config: Mapping[str, Any], **more: Any
    ) -> NodeBuilder:
        document = {"id": id, "type": kind, **more, **({"config": _json(config)} if config else {})}
        for name, value in own.items():
            if value is not None:
                document[_NAMES.get(name, name)] = _own(name, value)
        node = NodeBuilder(document, _place(depth=3))
        self.nodes.append(node)
        return node


def workflow(  # noqa: PLR0913 - the fields of a definition
    id: str,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    version: str = "1.0.0",
    start: Target | None = None,
    variables: Mapping[str, Any] | None = None,
    input_schema: Mapping[str, Any] | None = None,
    outputs: Mapping[str, Any] | None = None,
    triggers: Iterable[Mapping[str, Any]] = (),
    metadata: Mapping[str, Any] | None = None,
    node_runs: int | None = None,
) -> Workflow:
    """``name`` is the id if left out; ``node_runs`` the most that one execution may have."""
    document = {
        "id": id,
        "name": name or id,
        "description": description,
        "version": version,
        "variables": variables,
        "inputSchema": input_schema,
        "outputs": outputs,
        "triggers": list(triggers) or None,
        "metadata": metadata,
        "limits": None if node_runs is None else {"nodeRuns": node_runs},
    }
    given = {field: _json(value) for field, value in document.items() if value is not None}
    return Workflow(given, _place(depth=2), start)


def _id(target: Target | None) -> str | None:
    return target.id if isinstance(target, NodeBuilder) else target


def _own(name: str, value: Any) -> Any:
    match value:
        case RetryPolicy() | Timeout():
            return _policy(value)
        case NodeBuilder():
            return value.id
    return _json(value)


def _policy(policy: RetryPolicy | Timeout) -> dict[str, Any]:
    """What differs from the defaults, in the document's spelling."""
    given = {field.name: getattr(policy, field.name) for field in fields(policy) if _is_given(policy, field)}
    return {_camel(name): _json(value) for name, value in given.items()}


def _is_given(policy: RetryPolicy | Timeout, field: Any) -> bool:
    return field.default is MISSING or getattr(policy, field.name) != field.default


def _join(join: Join | Mapping[str, Any]) -> Any:
    if not isinstance(join, Join):
        return _json(join)
    tolerate = join.count if join.percent is None else f"{join.percent:g}%"
    document = {"policy": join.policy, "n": join.n, "tolerate": tolerate}
    return {name: value for name, value in document.items() if value is not None}


def _json(value: Any) -> Any:
    """Mappings and sequences as JSON has them; anything else is left for the checks to judge."""
    if isinstance(value, Mapping):
        return {key: _json(item) for key, item in value.items()}
    return [_json(item) for item in value] if isinstance(value, list | tuple) else value


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _place(depth: int) -> str:
    frame = sys._getframe(depth)
    return f"{frame.f_globals.get('__name__', '?')}:{frame.f_lineno}"


_NAMES = {"on_error": "onError"}
_NODE = frozenset({"name", "description", "next", "on_error", "retry", "timeout", "queue"})
