"""``advance`` against a plain interpreter, on random definitions, by a clock without surprises."""

from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from executions.moments import ms
from executions.testing.rows import Rows
from tests.executions.graphs import Maker
from tests.executions.reference import Reference, plain
from tests.executions.world import EPOCH, World

SEEDS = st.integers(0, 2**32)


@given(SEEDS)
def test_everything_ends_as_the_plain_interpreter_says(seed: int) -> None:
    story = Maker(Random(seed), racy=True, telling=True).story()
    expected = Reference(story).run()
    world = World(story)
    world.run_timed()
    rows, flow = world.rows, world.flow
    assert rows.status == ("completed" if expected.error is None else "failed")
    assert plain(flow.root.vars) == plain(expected.vars)
    assert world.at == expected.at
    assert started(rows) == Counter((at // 1000, lane, name) for at, lane, name in expected.ran)
    if expected.error is not None:
        assert {name: rows.error[name] for name in ("name", "nodeId")} == expected.error
    elif story.definition.outputs is not None:
        assert rows.result == {"flag": expected.vars["flag"]}
    world.check()


def started(rows: Rows) -> Counter[tuple[int, str, str]]:
    """What started when (in milliseconds), where."""
    told = [event["data"] for event in rows.events if event["type"] == "node.started"]
    epoch = ms(EPOCH)
    return Counter(
        (data["timestamp"] - epoch, data.get("path", ""), data["nodeId"])
        for data in told
        if data["attempt"] == 1
    )
