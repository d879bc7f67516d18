"""One seed, from its beginning to what must hold of its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.conf import settings
from django.test import override_settings

from executions.executor.claiming.takeover import restored
from executions.testing.executor import claimed
from tests.executions.reference import Reference, plain
from tests.simulation import seeds
from tests.simulation.cluster import Cluster


def calm(seed: int) -> Cluster:
    """It comes to what the plain interpreter says."""
    cluster, story = seeds.calm(seed)
    with _told(cluster, "calm", seed):
        cluster.run()
        cluster.check()
        expected = Reference(story).run()
        (rows,) = cluster.database.executions.values()
        flow, _ = restored(story.definition, claimed(rows), rows.runs, 0)
        assert rows.status == ("completed" if expected.error is None else "failed"), rows.error
        assert plain(flow.root.vars) == plain(expected.vars)
    return cluster


def wild(seed: int) -> Cluster:
    """Everything ends, in good order."""
    cluster = seeds.wild(seed)
    with _told(cluster, "wild", seed):
        cluster.run()
        cluster.check()
    return cluster


SCENES: dict[str, Callable[[int], Cluster]] = {"calm": calm, "wild": wild}


@contextmanager
def patient() -> Iterator[None]:
    """However often executors die, no attempt is lost once too often."""
    with override_settings(C4C={**settings.C4C, "MAX_LOST": 1_000_000}):
        yield


@contextmanager
def _told(cluster: Cluster, scene: str, seed: int) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        last = "\n".join(cluster.notes[-40:])
        alone = f"python -m tests.simulation {scene} {seed}"
        raise AssertionError(f"{error}\n\n{last}\n\nalone: {alone}") from error
