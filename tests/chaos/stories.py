"""What runs while the storm rages: small executions of every kind, each with the end that it must come to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.executions.build import delay, fork, node, scripted

Node = dict[str, Any]
RETRY = {"maxAttempts": 100, "initialInterval": 0.05, "backoff": 1, "maxInterval": 0.1, "jitter": 0.5}
"""User code too loses its connections: it is tried until it succeeds."""


@dataclass(frozen=True, slots=True)
class Story:
    """One kind of execution. ``said``: what somebody says to it while it runs, one word after the other."""

    name: str
    nodes: list[Node]
    share: int = 3
    status: str = "completed"
    result: Any = None
    """What its outputs must come to; None: it has none, or does not complete."""
    outputs: dict[str, Any] = field(default_factory=dict)
    limits: dict[str, Any] = field(default_factory=dict)
    timeout: float | None = None
    said: tuple[str, ...] = ()

    @property
    def document(self) -> dict[str, Any]:
        fields: dict[str, Any] = {"outputs": self.outputs} if self.outputs else {}
        fields |= {"limits": self.limits} if self.limits else {}
        first = {"id": self.name, "name": self.name, "version": "1", "startNode": self.nodes[0]["id"]}
        return {**first, "nodes": self.nodes, **fields}


def call(name: str, id: str, next: str | None = None, **config: Any) -> Node:
    fields = {"compensate": config.pop("compensate")} if "compensate" in config else {}
    return scripted(name, id, next, config=config, retry=RETRY, **fields)


def write(id: str, next: str | None = None, **fields: Any) -> Node:
    """A note of its own: a node that is done twice has one too many."""
    return call("write", id, next, text=f"${{{{ execution.id }}}} {id}", output={id: True}, **fields)


def wait(id: str, next: str | None = None, key: str | None = None, **config: Any) -> Node:
    return node("wait", id, next, config=config, **({"key": key} if key else {}))


def child(id: str, workflow: str, next: str | None = None, **config: Any) -> Node:
    return node("subworkflow", id, next, config={"workflowId": workflow, **config})


def stories() -> Iterator[Story]:
    """Those that others start have a share of 0."""
    yield from _plain()
    yield from _scopes()
    yield from _exact()
    yield from _told()
    yield from _families()


def _plain() -> Iterator[Story]:
    line = [call("aok", "a", "b", output={"a": 1}), call("ok", "b", "c", output={"b": 2}), call("bare", "c")]
    outputs = {"sum": "${{ vars.a + vars.b }}"}
    yield Story("line", line, share=12, outputs=outputs, result={"sum": 3})
    yield Story("flaky", [call("afail", "a", "b", times=2), call("fail", "b", times=1, output=1)])
    yield Story("nap", [delay("sleep", 1.5, "a"), call("aok", "a")])
    yield Story("short", [delay("sleep", 0.2, "a"), call("aok", "a")])
    yield Story("late", [call("ahang", "a")], share=1, status="timed_out", timeout=1.5)
    yield Story("busy", [call("sleep", "a", "b", seconds=0.3), call("ahang", "b", times=0)], share=12)
    limits = {"concurrency": [{"limit": 3, "key": "input.tenant"}, 8]}
    yield Story("gated", [call("sleep", "a", "b", seconds=0.02), call("aok", "b")], limits=limits)
    yield Story("apart", [call("apart", "a", act="ok")], share=0)


def _scopes() -> Iterator[Story]:
    branches = [call("aok", "a", output={"a": 1}), call("bare", "b", "b2"), write("b2")]
    branches += [call("fail", "c", times=1)]
    outputs = {"a": "${{ vars.a }}", "b2": "${{ vars.b2 }}"}
    fork_all = fork("fork", ["a", "b", "c"], "last")
    yield Story(
        "fork", [fork_all, *branches, call("aok", "last")], outputs=outputs, result={"a": 1, "b2": True}
    )
    losers = [call("ahang", "lose"), call("sleep", "win", seconds=0.1), call("aok", "last")]
    yield Story("race", [fork("fork", ["lose", "win"], "last", join={"policy": "any"}), *losers])
    each = node("map", "each", config={"items": "input.items", "branch": "a", "concurrency": 5})
    body = [call("aok", "a", "b"), call("bare", "b", output="${{ item * 2 }}")]
    results = {"results": [2 * n for n in range(20)], "completed": 20, "failed": 0}
    yield Story("map", [each, *body], outputs={"each": "${{ nodes.each.output }}"}, result={"each": results})
    rounds = node("loop", "loop", "last", config={"while": "vars.n < 5", "branch": "add"})
    add = call("aok", "add", output={"n": "${{ vars.n + 1 }}"})
    steps = [call("bare", "first", "loop", output={"n": 0}), rounds, add, call("aok", "last")]
    yield Story("loop", steps, outputs={"n": "${{ vars.n }}"}, result={"n": 5})
    tasks = [{"node": "a"}, {"node": "b", "dependsOn": ["a"]}, {"node": "c", "dependsOn": ["a"]}]
    dag = node("dag", "dag", config={"tasks": [*tasks, {"node": "d", "dependsOn": ["b", "c"]}]})
    ends = {"tasks": dict.fromkeys("abcd", "completed")}
    each_task = [call("aok", "a"), call("bare", "b"), call("afail", "c", times=1), write("d")]
    yield Story("dag", [dag, *each_task], outputs={"dag": "${{ nodes.dag.output }}"}, result={"dag": ends})


def _exact() -> Iterator[Story]:
    yield Story("exact", [write("a", "b"), write("b", "c"), write("c")])
    undoing = [write("release"), write("refund")]
    steps = [write("hold", "charge", compensate="release"), write("charge", "fail", compensate="refund")]
    fails = scripted("afail", "fail", config={"error": "NonRetryable"})
    yield Story("saga", [*steps, fails, *undoing], status="failed")
    hangs = call("ahang", "fail")
    yield Story("undone", [*steps, hangs, *undoing], status="cancelled", said=("cancel",))


def _told() -> Iterator[Story]:
    twice = [wait("one", "two", signal="go"), wait("two", "last", signal="go"), call("aok", "last")]
    outputs = {name: f"${{{{ nodes.{name}.output.payload }}}}" for name in ("one", "two")}
    yield Story("signal", twice, outputs=outputs, result={"one": 1, "two": 2}, said=("signal 1", "signal 2"))
    paid = [wait("paid", "last", event="paid", key="execution.id"), call("aok", "last")]
    outputs = {"paid": "${{ nodes.paid.output.payload }}"}
    yield Story("event", paid, outputs=outputs, result={"paid": {"n": 1}}, said=("emit",))
    asked = [wait("may", "last", approval={}), call("aok", "last")]
    outputs = {"may": "${{ nodes.may.output.decision }}"}
    yield Story("asked", asked, outputs=outputs, result={"may": "approved"}, said=("decide",))
    held = [call("sleep", f"n{n}", f"n{n + 1}", seconds=0.05) for n in range(4)]
    yield Story("held", [*held, call("aok", "n4")], said=("pause", "resume"))
    ended = node("wait", "wait", "last", config={"signal": "never", "timeout": 0.7}, onError="late")
    yield Story("patient", [ended, call("aok", "last"), call("aok", "late")])


def _families() -> Iterator[Story]:
    outputs = {"leaf": "${{ vars.leaf }}"}
    yield Story("leaf", [call("aok", "a", output={"leaf": 1})], share=0, outputs=outputs, result={"leaf": 1})
    middle = [child("below", "leaf", "a", mergeOutputs=True), call("bare", "a")]
    yield Story("middle", middle, share=0, outputs=outputs, result={"leaf": 1})
    yield Story("family", [child("below", "middle", mergeOutputs=True)], outputs=outputs, result={"leaf": 1})
    each = node("map", "each", config={"items": "[1, 2, 3]", "branch": "below"})
    outputs = {"n": "${{ nodes.each.output.completed }}"}
    yield Story("many", [each, child("below", "leaf")], outputs=outputs, result={"n": 3})
    yield Story("hangs", [call("ahang", "a")], share=0, status="cancelled")
    yield Story("parted", [child("below", "hangs")], share=1, status="cancelled", said=("cancel",))
