"""``advance`` under all that can come between: crashes, pauses, cancelling, deadlines, long transitions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executions.adoption import adopted, undone
from executions.flow import advance
from executions.testing.rows import Rows
from tests.executions.chaos import Chaos
from tests.executions.graphs import Maker, Story
from tests.executions.reference import Reference, plain

SEEDS = st.integers(0, 2**32)


@pytest.fixture(autouse=True, scope="module")
def _short_transitions() -> Iterator[None]:
    """So that what fits into one transition is often cut in two, with a crash between."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(advance, "INLINE_LIMIT", 3)
        yield


@given(SEEDS)
def test_crashes_and_pauses_change_nothing_that_was_certain(seed: int) -> None:
    random = Random(seed)
    story = Maker(random, racy=False, telling=False).story()
    expected = Reference(story).run()
    world = Chaos(story, random)
    world.run()
    assert world.rows.status == ("completed" if expected.error is None else "failed")
    assert plain(world.flow.root.vars) == plain(expected.vars)
    world.check()


@given(SEEDS)
def test_whatever_happens_it_ends_in_good_order(seed: int) -> None:
    random = Random(seed)
    story = Maker(random, racy=True, telling=True).story()
    world = Chaos(story, random, may_cancel=True, most_lost=random.randint(1, 4))
    world.run()
    world.check()
    if world.cancelled:
        assert world.rows.status == "cancelled"


@given(SEEDS)
def test_an_execution_stopped_and_retried_comes_to_what_it_would_have_come_to(seed: int) -> None:
    random = Random(seed)
    story = mended(Maker(random, racy=False, telling=False, sound=True).story())
    world = retried(story, random, Chaos(story, random, may_cancel=True))
    assert world.rows.status == "completed"
    assert plain(world.flow.root.vars) == plain(Reference(story).run().vars)


@given(SEEDS)
def test_what_failed_completes_when_it_is_retried_and_fails_no_more(seed: int) -> None:
    random = Random(seed)
    story = Maker(random, racy=True, telling=True, sound=True).story()
    world = retried(mended(story), random, Chaos(story, random, may_cancel=True))
    assert world.rows.status == "completed"


def mended(story: Story) -> Story:
    """The same, where nothing fails any more."""
    return replace(story, behaviours={}, refused=frozenset())


def retried(story: Story, random: Random, world: Chaos) -> Chaos:
    """The first of its retries that completes; the third is left in peace."""
    for time in range(3):
        world.run()
        world.check()
        if world.rows.status == "completed":
            break
        rows = Rows()
        rows.adopt(adopted("x", world.rows.runs, f"retried {time}", story.definition))
        kept = [run for run in rows.runs if run.status == "completed"]
        if not undone(world.rows.runs):
            assert len(kept) >= sum(run.status == "completed" for run in world.rows.runs), "results are kept"
        world = Chaos(story, random, rows, may_cancel=time < 1)
    else:
        world.run()
        world.check()
    return world
