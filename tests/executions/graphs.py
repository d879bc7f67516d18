"""Random definitions, and how their procedures are going to behave."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

from workflows.definition import Definition, parse

PROCEDURE = "scripted.bare"


@dataclass(frozen=True)
class Behaviour:
    """A run's first ``fails`` tries fail: ``Boom``; ``Fatal``, not to be retried; ``Retry``: it asks."""

    fails: int = 0
    how: str = "Boom"
    after: float | None = None


@dataclass
class Story:
    definition: Definition
    input: dict[str, Any]
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    seed: int = 0

    def behaviour(self, node_id: str) -> Behaviour:
        return self.behaviours.get(node_id, Behaviour())

    def microseconds(self, node_id: str, visit: int, tries: int) -> int:
        """How long an attempt takes: never twice the same, so that no two things happen at once."""
        return Random(f"{self.seed}:{node_id}:{visit}:{tries}").randint(1, 10**10)


class Maker:
    """Grows a definition node by node, from the end of each line to its beginning.

    ``racy``: joins whose result depends on who is first. ``telling``: handlers pass on what they caught.
    """

    def __init__(self, random: Random, *, racy: bool, telling: bool, size: int = 24) -> None:
        self.random, self.racy, self.telling = random, racy, telling
        self.left = size
        self.nodes: list[dict[str, Any]] = []
        self.behaviours: dict[str, Behaviour] = {}
        self.variables: dict[str, Any] = {"flag": 1}

    def story(self) -> Story:
        first = self.line(None, 0) or self.procedure(None, 0)
        outputs = {"outputs": {"flag": "${{ vars.flag }}"}} if self.chance(0.2) else {}
        document = {
            "id": "random",
            "name": "random",
            "version": "1",
            "startNode": first,
            "nodes": self.nodes,
            "variables": self.variables,
            **outputs,
        }
        flag = self.random.randint(0, 2)
        return Story(parse(document), {"flag": flag}, self.behaviours, self.random.randint(0, 10**6))

    def line(self, following: str | None, depth: int) -> str | None:
        """Nodes one after the other before ``following``; the id of the first."""
        for _ in range(self.random.randint(1, 4)):
            if self.left <= 0:
                break
            following = self.random.choice(self.kinds(depth))(following, depth)
        return following

    def branch(self, after: str | None, depth: int) -> str:
        """Begins with what takes its time, so that who is first is clear; ends before the join."""
        last = self.random.choice([None, after])
        if self.left > 0 and self.chance(0.6):
            last = self.line(last, depth)
        return self.random.choice([self.procedure, self.procedure, self.delay])(last, depth)

    def kinds(self, depth: int) -> list[Any]:
        plain = [self.procedure, self.procedure, self.procedure, self.delay, self.sequential]
        return [*plain, self.condition, self.switch, self.loop, *[self.parallel] * (2 if depth < 3 else 0)]

    def procedure(self, following: str | None, depth: int) -> str:
        node = self.node("procedure", procedureName=PROCEDURE, next=following)
        node["config"] = {"output": {"flag": self.random.randint(0, 2), f"v_{node['id']}": self.value()}}
        if self.chance(0.3):
            node["retry"] = self.retry()
        if self.chance(0.3):
            self.behaviours[node["id"]] = self.behaviour("retry" in node)
        self.handled(node, following)
        return str(node["id"])

    def delay(self, following: str | None, depth: int) -> str:
        return str(
            self.node("delay", config={"seconds": self.random.randint(1, 10**6) / 1000}, next=following)["id"]
        )

    def sequential(self, following: str | None, depth: int) -> str:
        return str(self.node("sequential", next=following)["id"])

    def condition(self, following: str | None, depth: int) -> str:
        one, other = self.arm(following, depth) or self.procedure(None, depth), self.arm(following, depth)
        config = {
            "expression": f"vars.flag < {self.random.randint(0, 3)}",
            "trueBranch": one,
            "falseBranch": other,
        }
        return str(self.node("condition", config=config)["id"])

    def switch(self, following: str | None, depth: int) -> str:
        cases = [
            {"when": f"flag === {n}", "next": self.arm(following, depth)}
            for n in range(self.random.randint(1, 2))
        ]
        return str(self.node("switch", config={"cases": cases, "default": following})["id"])

    def loop(self, following: str | None, depth: int) -> str:
        """Round and round through ``next``, as often as its counter says."""
        check = self.node("condition")
        body = self.node("procedure", procedureName=PROCEDURE, next=check["id"])
        count = f"c_{body['id']}"
        self.variables[count] = 0
        body["config"] = {"output": {count: f"${{{{ vars.{count} + 1 }}}}"}}
        again = f"vars.{count} < {self.random.randint(1, 3)}"
        check["config"] = {"expression": again, "trueBranch": body["id"], "falseBranch": following}
        return str(body["id"])

    def parallel(self, following: str | None, depth: int) -> str:
        node = self.node("parallel", next=following)
        branches = [self.branch(following, depth + 1) for _ in range(self.random.randint(1, 4))]
        node["config"] = {"branches": branches, **self.join(len(branches))}
        self.handled(node, following)
        return str(node["id"])

    def join(self, branches: int) -> dict[str, Any]:
        joins: list[dict[str, Any]] = [
            {},
            {"waitForAll": True},
            {"join": {"policy": "all", "tolerate": self.random.randint(0, branches)}},
            {"join": {"policy": "all", "tolerate": f"{self.random.choice([0, 34, 50, 100])}%"}},
            {"join": {"policy": "all_done"}},
        ]
        if self.racy:
            some = {"policy": "n_of", "n": self.random.randint(1, branches)}
            joins += [{"waitForAll": False}, {"join": {"policy": "any"}}, {"join": some}]
        return self.random.choice(joins)

    def arm(self, following: str | None, depth: int) -> str | None:
        return self.procedure(following, depth) if self.left > 0 and self.chance(0.5) else following

    def handled(self, node: dict[str, Any], following: str | None) -> None:
        """A handler of its own, the next node itself, or none."""
        if self.left > 0 and self.chance(0.3):
            told = "${{ error.name + error.nodeId }}" if self.telling else "caught"
            handler = self.node(
                "procedure", procedureName=PROCEDURE, next=self.random.choice([None, following])
            )
            handler["config"] = {"output": {f"h_{node['id']}": told}}
            node["onError"] = handler["id"]
        elif following is not None and self.chance(0.2):
            node["onError"] = following

    def behaviour(self, has_policy: bool) -> Behaviour:
        """Without a policy of its own, the usual one's jitter would make the time of a retry uncertain."""
        how = self.random.choice(["Boom", "Boom", "Fatal", "Retry"])
        after = self.random.choice([0.0, 2.5, *([None] if has_policy else [])]) if how == "Retry" else None
        return Behaviour(self.random.randint(1, 4), how, after)

    def retry(self) -> dict[str, Any]:
        policy = {"maxAttempts": self.random.randint(1, 4), "initialInterval": 0.5, "backoff": 3, "jitter": 0}
        narrow = self.random.choice([{}, {}, {"retryOn": ["Boom"]}, {"nonRetryable": ["Boom"]}])
        return {**policy, "maxInterval": 2, **narrow}

    def value(self) -> Any:
        return self.random.choice([0, "text", None, [1, {"a": 2}], "${{ vars.flag }}", "is {{ flag }}"])

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def node(self, kind: str, **fields: Any) -> dict[str, Any]:
        self.left -= 1
        made = {
            "id": f"n{len(self.nodes)}",
            "type": kind,
            **{k: v for k, v in fields.items() if v is not None},
        }
        self.nodes.append(made)
        return made
