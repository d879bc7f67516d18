"""From a number to a cluster and what it is to do."""

from __future__ import annotations

from random import Random
from typing import Any

from tests.executions.graphs import Maker, Story
from tests.simulation.cluster import Cluster
from tests.simulation.weather import Weather

CALLED = 3
"""Workflows that others start: ``other-0`` and so on."""


class Quick(Maker):
    """``calls``: whether it starts other executions."""

    longest_delay = 10**4
    longest_limit = 10**4

    def __init__(self, random: Random, *, calls: bool, **options: Any) -> None:
        super().__init__(random, **options)
        self.calls, self.queues = calls, ("heavy",) if random.random() < 0.5 else ()

    def kinds(self, depth: int) -> list[Any]:
        return [kind for kind in super().kinds(depth) if self.calls or kind != self.subworkflow]


def calm(seed: int) -> tuple[Cluster, Story]:
    """One execution that nobody meddles with: whatever crashes, it comes to what its definition means."""
    random = Random(seed)
    story = Quick(random, calls=False, racy=False, telling=False, size=20).story()
    cluster = Cluster([story], random, rough(random))
    cluster.start(story)
    return cluster, story


def wild(seed: int) -> Cluster:
    """Parents and children, people who meddle, deadlines, and rows that cannot be stored."""
    random = Random(seed)
    called = [_story(random, f"other-{n}", calls=False, size=6) for n in range(CALLED)]
    callers = [_story(random, f"story-{n}", calls=True, size=12) for n in range(2)]
    weather = rough(random, refusal=random.choice([0, 0, 0.005]), meddling=random.choice([0, 0.5]))
    cluster = Cluster([*called, *callers], random, weather)
    for story in callers:
        timeout = random.uniform(1, 60) if random.random() < 0.2 else None
        execution_id = cluster.start(story, timeout, begin=random.random() < 0.3)
        if random.random() < weather.meddling:
            cluster.meddle(execution_id)
    return cluster


def rough(random: Random, **shares: float) -> Weather:
    """Now many die, now many stand still, now it is mostly the network."""
    return Weather(
        random,
        crash=random.choice([0.0, 0.004, 0.02]),
        stall=random.choice([0.0, 0.004, 0.02]),
        stop=random.choice([0.0, 0.004]),
        lost_answer=random.choice([0.0, 0.05, 0.3]),
        deaf=random.choice([0.0, 0.2, 1.0]),
        **shares,
    )


def _story(random: Random, id: str, *, calls: bool, size: int) -> Story:
    maker = Quick(random, calls=calls, racy=True, telling=True, size=size)
    maker.id = id
    return maker.story()
