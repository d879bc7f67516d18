"""``advance`` against a plain interpreter, on random definitions, by a clock without surprises."""

from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from tests.executions.graphs import Maker
from tests.executions.reference import Reference
from tests.executions.world import World, check_log

SEEDS = st.integers(0, 2**32)


@given(SEEDS)
def test_everything_ends_as_the_plain_interpreter_says(seed: int) -> None:
    story = Maker(Random(seed), racy=True, telling=True).story()
    expected = Reference(story).run()
    world = World(story)
    world.run_timed()
    rows, flow = world.rows, world.flow
    assert rows.status == ("completed" if expected.error is None else "failed")
    assert flow.root.vars == expected.vars
    assert world.at == expected.at
    assert Counter(rows.events[-1]["data"]["nodesExecuted"]) == Counter(name for _, name in expected.ran)
    if expected.error is not None:
        assert {name: rows.error[name] for name in ("name", "nodeId")} == expected.error
    elif story.definition.outputs is not None:
        assert rows.result == {"flag": expected.vars["flag"]}
    check_log(rows)
