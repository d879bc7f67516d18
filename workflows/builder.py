"""Workflows in Python, kept under a name in an app's ``workflows`` module::

    order = workflow("order", name="Order")

    fetch = order.procedure("fetch", "data.fetch", userId="user123")
    premium = order.procedure("premium", "data.process", mode="premium")
    basic = order.procedure("basic", "data.process", mode="basic")
    save = order.procedure("save", "data.save", retry=RetryPolicy(max_attempts=5))
    check = order.condition("check", "isPremium === true", true=premium, false=basic)

    fetch >> check
    [premium, basic] >> save

The first node written is the start, one that compensates aside, unless ``start=`` names another. Nothing is
refused here: what is wrong
is told by the system checks, with the line that wrote it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from workflows import spelling
from workflows.policies import Concurrency, Join, Rate, RetryPolicy, Timeout


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

Most = int | Concurrency | Mapping[str, Any]
Often = Rate | Mapping[str, Any]
"""A limit as a policy, or as a document has it."""


class Workflow:
    """One workflow in the making; ``definition()`` is its document. ``place`` is the module and line."""

    def __init__(self, document: dict[str, Any], place: str, start: Target | None) -> None:
        self._document, self.place, self._start = document, place, start
        self.nodes: list[NodeBuilder] = []

    @property
    def id(self) -> str:
        return str(self._document["id"])

    def definition(self) -> dict[str, Any]:
        compensating = {node.document.get("compensate") for node in self.nodes}
        first = self._start or next((node for node in self.nodes if node.id not in compensating), None)
        return {
            **self._document,
            **({} if first is None else {"startNode": _id(first)}),
            "nodes": [dict(node.document) for node in self.nodes],
        }

    def procedure(
        self, id: str, procedure: str | Named, /, *, config: Mapping[str, Any] | None = None, **fields: Any
    ) -> NodeBuilder:
        """Calls a procedure with the other keywords as its input.

        ``name, description, next, on_error, retry, timeout, queue, compensate, key`` are the node's own; a
        procedure's input that is called the same goes into ``config``.
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
        how = {"waitForAll": wait_for_all} if join is None else {"join": spelling.join(join)}
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
        return self._add("delay", id, own, spelling.given(seconds=seconds, until=until))

    def wait(
        self,
        id: str,
        /,
        *,
        signal: str | None = None,
        event: str | None = None,
        approval: Mapping[str, Any] | None = None,
        timeout: float | str | None = None,
        **own: Any,
    ) -> NodeBuilder:
        """Waits for the signal, the internal event (whose key is ``key=``) or the approval of that name.

        ``approval`` is ``{users, groups, message, form}``, each of them optional; ``timeout`` in seconds.
        """
        config = spelling.given(signal=signal, event=event, approval=approval, timeout=timeout)
        return self._add("wait", id, own, config)

    def map(
        self,
        id: str,
        items: str | Sequence[Any],
        branch: Target,
        /,
        *,
        as_: str | None = None,
        concurrency: int | None = None,
        tolerate: int | str | None = None,
        **own: Any,
    ) -> NodeBuilder:
        """Runs the branch for each of the items, so many at once; ``as_`` names the item among the variables.

        ``items`` is a list or an expression; ``tolerate`` how many may fail: a count, or a share ("10%").
        """
        config = {"items": items, "branch": _id(branch)}
        more = {"as": as_, "concurrency": concurrency, "tolerate": tolerate}
        return self._add("map", id, own, {**config, **spelling.given(**more)})

    def loop(
        self,
        id: str,
        branch: Target,
        /,
        *,
        while_: str | None = None,
        until: str | None = None,
        for_each: str | Sequence[Any] | None = None,
        as_: str | None = None,
        limit: int | None = None,
        **own: Any,
    ) -> NodeBuilder:
        """Runs the branch while or until the expression holds, or for one item after the other."""
        config = {"while": while_, "until": until, "forEach": for_each, "branch": _id(branch)}
        return self._add("loop", id, own, spelling.given(**config, **{"as": as_, "limit": limit}))

    def dag(
        self,
        id: str,
        tasks: Mapping[Any, Iterable[Target]] | Iterable[Target],
        /,
        *,
        on_failure: str | None = None,
        **own: Any,
    ) -> NodeBuilder:
        """Runs tasks as soon as those that they depend on have completed: ``{fetch: [], parse: [fetch]}``.

        ``on_failure``: finish, stop or continue.
        """
        named = tasks if isinstance(tasks, Mapping) else dict.fromkeys(tasks, ())
        written = [_task(task, depends_on) for task, depends_on in named.items()]
        return self._add("dag", id, own, {"tasks": written, **spelling.given(onFailure=on_failure)})

    def subworkflow(
        self,
        id: str,
        workflow: Workflow | str,
        /,
        *,
        input: Mapping[str, Any] | str | None = None,
        version: int | None = None,
        merge_outputs: bool | None = None,
        on_parent_close: str | None = None,
        **own: Any,
    ) -> NodeBuilder:
        """Runs another workflow and waits for its end. ``on_parent_close``: cancel, terminate or abandon."""
        config = {
            "workflowId": workflow.id if isinstance(workflow, Workflow) else workflow,
            "input": input,
            "version": version,
            "mergeOutputs": merge_outputs,
            "onParentClose": on_parent_close,
        }
        return self._add("subworkflow", id, own, spelling.given(**config))

    def __repr__(self) -> str:
        return f"<workflow {self.id} at {self.place}>"

    def _add(
        self, kind: str, id: str, own: Mapping[str, Any], config: Mapping[str, Any], **more: Any
    ) -> NodeBuilder:
        document = {"id": id, "type": kind, **more, **({"config": spelling.json(config)} if config else {})}
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
    concurrency: Most | Iterable[Most] | None = None,
    rate: Often | Iterable[Often] | None = None,
    fairness: str | None = None,
    queue: str | None = None,
) -> Workflow:
    """``name`` is the id if left out; ``node_runs`` the most that one execution may have.

    ``concurrency`` and ``rate`` are one or several of ``{limit, key}`` and ``{limit, seconds, key}``. Their
    keys and ``fairness`` are expressions of the execution's input: ``"input.tenant"``.
    """
    limits = spelling.given(
        nodeRuns=node_runs,
        concurrency=spelling.limits(concurrency),
        rate=spelling.limits(rate),
        fairness=fairness,
        queue=queue,
    )
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
        "limits": limits or None,
    }
    return Workflow(
        {name: spelling.json(value) for name, value in spelling.given(**document).items()},
        _place(depth=2),
        start,
    )


def _id(target: Target | None) -> str | None:
    return target.id if isinstance(target, NodeBuilder) else target


def _task(task: Target, depends_on: Iterable[Target]) -> dict[str, Any]:
    named = [_id(earlier) for earlier in depends_on]
    return {"node": _id(task), **({"dependsOn": named} if named else {})}


def _own(name: str, value: Any) -> Any:
    match value:
        case RetryPolicy() | Timeout():
            return spelling.policy(value)
        case NodeBuilder():
            return value.id
    return spelling.json(value)


def _place(depth: int) -> str:
    frame = sys._getframe(depth)
    return f"{frame.f_globals.get('__name__', '?')}:{frame.f_lineno}"


_NAMES = {"on_error": "onError"}
_NODE = frozenset(
    {"name", "description", "next", "on_error", "retry", "timeout", "queue", "compensate", "key"}
)
