"""Whatever graph has run, whichever node it is run again from: what stands stays, what does not runs anew."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from executions.adoption import Fallen, adopted
from executions.events import run_id
from executions.testing.rows import Rows
from tests.executions.chaos import Chaos
from tests.executions.graphs import Maker
from tests.executions.reference import Reference, plain
from tests.executions.world import World

SEEDS = st.integers(0, 2**32)


@given(SEEDS)
def test_a_rerun_from_any_node_comes_to_what_it_came_to_and_runs_nothing_twice(seed: int) -> None:
    random = Random(seed)
    story = Maker(random, racy=False, telling=False, sound=True).story()
    first = World(story)
    first.run_timed()
    again = random.choice([run.index for run in first.rows.runs if run.branch is None or run.branch >= 0])
    rows = Rows()
    rows.adopt(adopted("x", first.rows.runs, "source", story.definition, [again]))
    kept = {run.index: (run.node_id, plain(run.output)) for run in rows.runs if run.adopted_from}
    second = World(story, rows)
    second.run_timed()
    second.check()
    assert second.rows.status == first.rows.status
    assert plain(second.flow.root.vars) == plain(Reference(story).run().vars)
    for index, known in kept.items():
        run = second.rows.runs[index]
        assert (run.node_id, plain(run.output)) == known, "untouched nodes keep their outputs"
    started = {told["data"]["runId"] for told in second.rows.events if told["type"] == "node.started"}
    assert not started & {run_id(second.flow.execution_id, index) for index in kept}, "and never run again"


@given(SEEDS)
def test_what_is_adopted_is_whole_and_nothing_of_it_follows_the_node(seed: int) -> None:
    random = Random(seed)
    story = Maker(random, racy=True, telling=True).story()
    world = Chaos(story, random, may_cancel=True)
    world.run()
    forward = [run for run in world.rows.runs if run.branch is None or run.branch >= 0]
    if not forward:
        return
    root = random.choice(forward)
    rows = adopted("x", world.rows.runs, "source", story.definition, [root.index])
    fallen = Fallen(world.rows.runs, story.definition)
    fallen.drop(root.index)
    assert root.index in fallen.runs
    assert [row["i"] for row in rows] == list(range(len(rows)))
    for row in rows:
        assert row["scope"] is None or row["scope"] < row["i"], "a scope comes before what is in it"
        assert row["previous"] is None or row["previous"] < row["i"]
        assert row["status"] in ("completed", "failed", "cancelled", "running", "skipped")
        assert row["status"] != "running" or row["adopted"] is None
    later = [run for run in forward if (run.scope, run.branch) == (root.scope, root.branch)]
    assert {run.index for run in later if run.index >= root.index} <= fallen.runs
