"""Random definitions, and how their procedures are going to behave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from executions.flow.state import Run
from executions.states import NodeStatus
from executions.transitions import path
from workflows.definition import Definition, parse

PROCEDURE = "scripted.bare"


@dataclass(frozen=True)
class Behaviour:
    """A run's first ``fails`` tries fail: ``Boom``; ``Fatal``, not to be retried; ``Retry``: it asks.

    ``share``: of the branches that the node may run in, how many it misbehaves in.
    """

    fails: int = 0
    how: str = "Boom"
    after: float | None = None
    share: float = 1.0


@dataclass(frozen=True)
class Place:
    """One run of a node: in which branch (as an event's ``path``), and the how manieth there."""

    node_id: str
    lane: str = ""
    visit: int = 0

    @property
    def name(self) -> str:
        return f"{self.node_id}-{self.lane.replace('/', '-')}-{self.visit}"


def place_of(runs: Sequence[Run], run: Run) -> Place:
    """Of one of an execution's runs; what was skipped has not run."""
    lane = path(run.frame)
    earlier = (each for each in runs[: run.index] if each.node is run.node and path(each.frame) == lane)
    return Place(run.node.id, lane, sum(each.status is not NodeStatus.SKIPPED for each in earlier))


@dataclass
class Story:
    """``early``: how many signals for a node are sent before it waits."""

    definition: Definition
    input: dict[str, Any]
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    seed: int = 0
    early: dict[str, int] = field(default_factory=dict)
    never: frozenset[str] = frozenset()
    """Nodes that wait in vain."""
    refused: frozenset[str] = frozenset()

    def behaviour(self, node_id: str, lane: str = "") -> Behaviour:
        found = self.behaviours.get(node_id, Behaviour())
        return found if self._random("share", node_id, lane).random() < found.share else Behaviour()

    def microseconds(self, place: Place, tries: int) -> int:
        """How long an attempt takes: never twice the same, so that no two things happen at once."""
        return self._random("takes", place.name, tries).randint(1, 10**10)

    def word_after(self, place: Place) -> int | None:
        """When what it waits for comes, in microseconds; None: never."""
        if place.node_id in self.never:
            return None
        return self._random("word", place.name).randint(1, 10**10)

    def is_refused(self, place: Place) -> bool:
        return place.node_id in self.refused and self._random("refused", place.name).random() < 0.7

    def child(self, place: Place, tries: int) -> tuple[int, str]:
        """When the execution that it has started ends, and how."""
        behaviour = self.behaviour(place.node_id, place.lane)
        status = "completed"
        if tries < behaviour.fails:
            status = self._random("child", place.name, tries).choice(["failed", "cancelled", "timed_out"])
        return self._random("ends", place.name, tries).randint(1, 10**10), status

    def _random(self, *about: object) -> Random:
        return Random(":".join(map(str, (self.seed, *about))))


class Maker:
    """Grows a definition node by node, from the end of each line to its beginning.

    ``racy``: joins and limits whose result depends on who is first. ``telling``: handlers pass on what they
    caught. ``sound``: nothing fails but as a behaviour or a refusal has it.
    """

    id = "random"
    queues: tuple[str, ...] = ()
    """Of executors that some procedures need."""
    longest_delay = 10**6
    longest_limit = 10**7
    """Milliseconds."""

    def __init__(
        self, random: Random, *, racy: bool, telling: bool, sound: bool = False, size: int = 24
    ) -> None:
        self.random, self.racy, self.telling, self.sound = random, racy, telling, sound
        self.left = size
        self.around: list[bool] = []
        """The maps and loops around what is being grown; True: it goes over items."""
        self.early: dict[str, int] = {}
        self.never: set[str] = set()
        self.refused: set[str] = set()
        self.nodes: list[dict[str, Any]] = []
        self.behaviours: dict[str, Behaviour] = {}
        self.variables: dict[str, Any] = {"flag": 1}

    def story(self) -> Story:
        first = self.line(None, 0) or self.procedure(None, 0)
        outputs = {"outputs": {"flag": "${{ vars.flag }}"}} if self.chance(0.2) else {}
        document = {
            "id": self.id,
            "name": self.id,
            "version": "1",
            "startNode": first,
            "nodes": self.nodes,
            "variables": self.variables,
            **outputs,
        }
        return Story(
            parse(document),
            {"flag": self.random.randint(0, 2)},
            self.behaviours,
            self.random.randint(0, 10**6),
            self.early,
            frozenset(self.never),
            frozenset(self.refused),
        )

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
        plain = [*[self.procedure] * 4, self.delay, self.sequential, self.condition, self.switch]
        scopes = [*[self.parallel, self.map] * 2, self.loop, self.dag] if depth < 3 else []
        many = [self.map, self.loop] if len(self.around) > 1 else []
        found = [*plain, self.cycle, self.wait, self.wait, self.subworkflow, *scopes]
        return [kind for kind in found if kind not in many]

    def procedure(self, following: str | None, depth: int) -> str:
        node = self.node("procedure", procedureName=PROCEDURE, next=following, **self.undone())
        node["config"] = {"output": {"flag": self.random.randint(0, 2), f"v_{node['id']}": self.value()}}
        if self.chance(0.3):
            node["retry"] = self.retry()
        if self.chance(0.3):
            self.behaviours[node["id"]] = self.behaviour("retry" in node)
        if self.queues and self.chance(0.2):
            node["queue"] = self.random.choice(self.queues)
        self.handled(node, following)
        return str(node["id"])

    def delay(self, following: str | None, depth: int) -> str:
        seconds = self.random.randint(1, self.longest_delay) / 1000
        return str(self.node("delay", config={"seconds": seconds}, next=following)["id"])

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

    def cycle(self, following: str | None, depth: int) -> str:
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

    def map(self, following: str | None, depth: int) -> str:
        node = self.node("map")
        after = self.reader(node, following)
        count = self.random.choice([0, 1, 2, 3, 3])
        config: dict[str, Any] = {"items": [self.random.choice([n, f"i{n}"]) for n in range(count)]}
        config[self.random.choice(["node", "branch"])] = self.body(after, depth, items=True)
        if self.chance(0.5):
            config["as"] = f"as_{node['id']}"
        if self.chance(0.6):
            config["concurrency"] = self.random.randint(1, 3)
        if self.chance(0.5):
            config["tolerate"] = self.random.choice([0, 1, count, "34%", "100%"])
        node["config"] = config
        self.handled(node, following)
        return str(node["id"])

    def loop(self, following: str | None, depth: int) -> str:
        node = self.node("loop")
        after = self.reader(node, following)
        mode = self.random.choice(["while", "until", "forEach"])
        config: dict[str, Any] = {"branch": self.body(after, depth, items=mode == "forEach")}
        turns = self.random.randint(0, 3)
        match mode:
            case "forEach":
                config["forEach"] = [f"i{n}" for n in range(turns)]
                config |= {"as": f"as_{node['id']}"} if self.chance(0.5) else {}
            case _:
                config[mode] = f"index < {turns}" if mode == "while" else f"index >= {turns}"
        if not self.sound and self.chance(0.2):
            config["limit"] = self.random.randint(max(1, turns - 1), 4)
        node["config"] = config
        self.handled(node, following)
        return str(node["id"])

    def dag(self, following: str | None, depth: int) -> str:
        node = self.node("dag")
        after = self.reader(node, following)
        firsts = [self.branch(after, depth + 1) for _ in range(self.random.randint(1, 4))]
        tasks: list[dict[str, Any]] = []
        for place, first in enumerate(firsts):
            earlier = [one for one in firsts[:place] if self.chance(0.4)]
            tasks.append({"node": first, **({"dependsOn": earlier} if earlier else {})})
        self.random.shuffle(tasks)
        policies = ["finish", "continue", *(["stop"] if self.racy else [])]
        node["config"] = {"tasks": tasks, "onFailure": self.random.choice(policies)}
        self.handled(node, following)
        return str(node["id"])

    def wait(self, following: str | None, depth: int) -> str:
        node = self.node("wait")
        name = str(node["id"])
        self.reader(node, following)
        kinds = ["event", "approval", *([] if len(self.around) > 1 else ["signal"] * 2)]
        match self.random.choice(kinds):
            case "signal" if self.around:
                config: dict[str, Any] = {"signal": f"${{{{ 's_{name}_' + string(index) }}}}"}
            case "signal":
                config = {"signal": f"s_{name}"}
                self.early[name] = self.random.choice([0, 0, 1, 2])
            case "event":
                config = {"event": f"e_{name}"}
                if self.chance(0.5):
                    node["key"] = "string(vars.flag)"
            case _:
                config = {"approval": {"users": ["ann"], "message": "${{ vars.flag }}?"}}
                self.refused |= {name} if self.chance(0.3) else set()
        if not self.sound and self.chance(0.3):
            self.limit(name, config)
        node["config"] = config
        self.handled(node, following)
        return name

    def limit(self, name: str, config: dict[str, Any]) -> None:
        """A word that may come too late, or one that never comes."""
        config["timeout"] = self.random.randint(1, self.longest_limit) / 1000
        if not self.racy or self.chance(0.3):
            self.never.add(name)
            self.early.pop(name, None)

    def subworkflow(self, following: str | None, depth: int) -> str:
        node = self.node("subworkflow", **self.undone())
        self.reader(node, following)
        closing = self.random.choice(["cancel", "terminate", "abandon"])
        config = {"workflowId": "${{ 'other-' + string(vars.flag) }}", "input": {"flag": "${{ vars.flag }}"}}
        node["config"] = {**config, "mergeOutputs": self.chance(0.5), "onParentClose": closing}
        if self.chance(0.4):
            node["retry"] = self.retry()
        if self.chance(0.3):
            self.behaviours[node["id"]] = Behaviour(self.random.randint(1, 3), share=self.share())
        self.handled(node, following)
        return str(node["id"])

    def reader(self, node: dict[str, Any], following: str | None) -> str | None:
        """What comes after the node: perhaps one that tells what the node gave."""
        after = following
        if self.chance(0.6):
            told = {f"r_{node['id']}": f"${{{{ nodes.{node['id']}.output }}}}"}
            after = str(self.node("procedure", procedureName=PROCEDURE, next=following)["id"])
            self.nodes[-1]["config"] = {"output": told}
        if after is not None:
            node["next"] = after
        return after

    def body(self, after: str | None, depth: int, *, items: bool) -> str:
        self.around.append(items)
        first = self.branch(after, depth + 1)
        self.around.pop()
        return first

    def undone(self) -> dict[str, Any]:
        """A node that undoes it, perhaps; that one may fail as well."""
        if self.left <= 0 or not self.chance(0.25):
            return {}
        told = {"undone": "${{ item }}", "why": "${{ error.name }}"}
        undoing = self.node("procedure", procedureName=PROCEDURE, config={"output": told})
        if self.chance(0.3):
            undoing["retry"] = self.retry()
        if self.chance(0.3):
            self.behaviours[undoing["id"]] = self.behaviour("retry" in undoing)
        return {"compensate": undoing["id"]}

    def share(self) -> float:
        """Where there are many of a node's runs, some may fail and others not."""
        return self.random.choice([1.0, 0.5]) if self.around else 1.0

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
        return Behaviour(self.random.randint(1, 4), how, after, self.share())

    def retry(self) -> dict[str, Any]:
        policy = {"maxAttempts": self.random.randint(1, 4), "initialInterval": 0.5, "backoff": 3, "jitter": 0}
        narrow = self.random.choice([{}, {}, {"retryOn": ["Boom"]}, {"nonRetryable": ["Boom"]}])
        return {**policy, "maxInterval": 2, **narrow}

    def value(self) -> Any:
        plain = [0, "text", None, [1, {"a": 2}], "${{ vars.flag }}", "is {{ flag }}"]
        items = ["${{ item }}"] if any(self.around) else []
        return self.random.choice([*plain, *items, *(["${{ index }}"] if self.around else [])])

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
