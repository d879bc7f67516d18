"""The real driver on a simulated cluster whose executors die and stand still between any two steps.

``SIMULATION_SEEDS=5000`` looks further than the tests that everybody runs. A seed that has failed is kept.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from random import Random

import pytest

from tests.executions.build import document, node
from tests.executions.graphs import Story
from tests.simulation import trying
from tests.simulation.cluster import Cluster
from tests.simulation.member import SkewedClock
from tests.simulation.weather import Weather
from workflows.definition import parse

SEEDS = range(int(os.environ.get("SIMULATION_SEEDS", "400")))
KEPT = [("calm", 262), ("wild", 286), ("wild", 343), ("wild", 150)]


@pytest.fixture(autouse=True, scope="module")
def _patient() -> Iterator[None]:
    with trying.patient():
        yield


@pytest.mark.timeout(3600)
def test_whatever_dies_an_execution_comes_to_what_its_definition_means() -> None:
    for seed in SEEDS:
        trying.calm(seed)


@pytest.mark.timeout(3600)
def test_parents_children_people_and_crashes_come_to_an_end_in_good_order() -> None:
    for seed in SEEDS:
        trying.wild(seed)


@pytest.mark.parametrize(("scene", "seed"), KEPT)
def test_what_has_failed_once_does_not_again(scene: str, seed: int) -> None:
    trying.SCENES[scene](seed)


def test_an_event_between_the_beginning_and_its_commit_is_heard() -> None:
    waits = document(node("wait", "w", config={"event": "arrived"}), id="waits")
    story = Story(parse(waits), {}, never=frozenset({"w"}))
    calm = Weather(Random(1), crash=0, stall=0, stop=0, lost_answer=0, deaf=0)
    cluster = Cluster([story], Random(1), calm)
    for member in cluster.members:
        member.clock = SkewedClock(cluster.timeline.now, timedelta())
    cluster.start(story, begin=True)
    cluster.later(0.000001, cluster.database.emit, "arrived", {"n": 1}, "")
    cluster.run()
    cluster.check()
