"""An execution that rests goes on under any other definition that ``compatibility`` finds no fault with."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from executions.flow.outcomes import Stopped
from tests.executions.graphs import Maker, Story
from tests.executions.world import Item, World
from workflows.compatibility import compatibility
from workflows.definition import Definition, InvalidDefinition, parse

MORE_RUNS = 60
"""How many the new definition allows beside those that there are: it may go round and round."""

Document = dict[str, Any]


class Rests(Exception):
    """Nothing is in flight, after so many steps."""


class Resting(World):
    def __init__(self, story: Story, steps: int) -> None:
        self.steps = steps
        super().__init__(story)

    def step(self, *items: Item, crash: str = "") -> None:
        super().step(*items, crash=crash)
        self.steps -= 1
        if self.steps < 0 and not self.left and not self.launched and not self.is_over:
            raise Rests

    def go_on(self) -> None:
        """To the end, taken up anew."""
        self.steps = 1_000_000
        self.take_up()
        while not self.is_over:
            if self.left:
                self.step()
            elif self.stopping:
                self.step(*[self.end(index, Stopped()) for index in sorted(self.stopping)])
            else:
                self._next_thing()


@settings(max_examples=100)
@given(st.integers(0, 2**32))
def test_what_rests_goes_on_under_its_own_definition_and_any_that_fits(seed: int) -> None:
    random = Random(seed)
    world = rested(random)
    story = world.story
    undoing = any(run.branch is not None and run.branch < 0 for run in world.rows.runs)
    assert undoing or compatibility(story.definition, story.definition, world.rows.runs) == []
    new = changed(story.definition, len(world.rows.runs), random)
    if not compatibility(story.definition, new, world.rows.runs):
        world.story = replace(story, definition=new)
        world.go_on()
        world.check()


def rested(random: Random) -> Resting:
    """The first execution that comes to rest before it ends."""
    while True:
        story = Maker(random, racy=True, telling=False).story()
        world = Resting(story, random.choice([1, 2, 3, 5, 8, 13]))
        try:
            world.run_timed()
        except Rests:
            return world


def changed(old: Definition, runs: int, random: Random) -> Definition:
    """``old`` with a change or two that leave it a definition."""
    for _ in range(20):
        document: Document = {**copy.deepcopy(dict(old.document)), "limits": {"nodeRuns": runs + MORE_RUNS}}
        for _ in range(random.randint(1, 2)):
            random.choice(CHANGES)(document, random.choice(document["nodes"]), random)
        try:
            return parse(document)
        except InvalidDefinition:
            continue
    return old


def taken_out(document: Document, node: Document, random: Random) -> None:
    document["nodes"].remove(node)


def led_elsewhere(document: Document, node: Document, random: Random) -> None:
    node["next"] = random.choice([*(other["id"] for other in document["nodes"]), None])


def followed(document: Document, node: Document, random: Random) -> None:
    document["nodes"].append({"id": "new", "type": "sequential", "next": node.get("next")})
    node["next"] = "new"


def surrounded(document: Document, node: Document, random: Random) -> None:
    branch = {"id": "new", "type": "parallel", "config": {"branches": [node["id"]]}, "next": node.get("next")}
    for other in document["nodes"]:
        if other.get("next") == node["id"]:
            other["next"] = "new"
    document["nodes"].append(branch)


def made_plain(document: Document, node: Document, random: Random) -> None:
    if node["type"] in ("wait", "delay", "procedure"):
        for field in ("config", "key", "procedureName", "retry", "compensate"):
            node.pop(field, None)
        node["type"] = "sequential"


def branched_otherwise(document: Document, node: Document, random: Random) -> None:
    config = node.get("config", {})
    for field in {"branches", "tasks"} & config.keys():
        random.choice([random.shuffle, lambda branches: branches.pop()])(config[field])


def branched_more(document: Document, node: Document, random: Random) -> None:
    config = node.get("config", {})
    document["nodes"].append({"id": "new", "type": "sequential"})
    if "branches" in config:
        config["branches"].append("new")
    elif "tasks" in config:
        config["tasks"].append({"node": "new", "dependsOn": [config["tasks"][0]["node"]]})
    elif "branch" in config:
        document["nodes"][-1]["next"], config["branch"] = config["branch"], "new"


def gone_round_otherwise(document: Document, node: Document, random: Random) -> None:
    if node["type"] == "loop":
        ways: list[Document] = [{"forEach": ["a", "b"]}, {"while": "index < 2"}, {"until": "index >= 2"}]
        node["config"] = {"branch": node["config"]["branch"], **random.choice(ways)}
    elif node["type"] == "map":
        node["config"] = {**node["config"], "items": ["z"] * random.randint(0, 3), "concurrency": 1}


def left_unhandled(document: Document, node: Document, random: Random) -> None:
    node.pop("onError", None)


def left_as_it_is(document: Document, node: Document, random: Random) -> None:
    node.pop("compensate", None)


def begun_elsewhere(document: Document, node: Document, random: Random) -> None:
    document["startNode"] = node["id"]


CHANGES: tuple[Callable[[Document, Document, Random], None], ...] = (
    taken_out,
    led_elsewhere,
    followed,
    surrounded,
    made_plain,
    branched_otherwise,
    branched_more,
    gone_round_otherwise,
    left_unhandled,
    left_as_it_is,
    begun_elsewhere,
)
