"""The tape: a segment per node, in the order in which they were reached."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from executions.states import NodeStatus
from executions.ui.tape import draw, segments, summary

statuses = st.lists(st.sampled_from(sorted(NodeStatus)), max_size=200)


def test_what_is_not_reached_yet_stays_empty() -> None:
    found = segments(["completed", "running"], total=4)

    assert [(segment.status, segment.x, segment.width) for segment in found] == [
        ("completed", 0, 25),
        ("running", 25, 25),
    ]


def test_of_many_in_one_segment_the_worst_speaks() -> None:
    found = segments(["completed"] * 47 + ["failed"], most=24)

    assert len(found) == 24
    assert [segment.status for segment in found[-2:]] == ["completed", "failed"]


def test_in_words() -> None:
    assert summary(["completed", "completed", "running", "failed"], 10) == "2 of 10 done, 1 failed, 1 running"


@given(statuses, st.integers(0, 300))
def test_segments_never_overlap_nor_leave_the_strip(found: list[str], total: int) -> None:
    drawn = segments(found, total)

    assert len(drawn) <= 24
    assert all(one.x + one.width <= two.x + 0.1 for one, two in itertools.pairwise(drawn))
    assert all(segment.x + segment.width <= 100.1 for segment in drawn)


@given(statuses)
def test_a_failure_is_always_seen(found: list[str]) -> None:
    assert ("failed" in {segment.status for segment in segments(found)}) == ("failed" in found)


def test_it_has_a_name_for_who_cannot_see_it() -> None:
    assert 'role="img" aria-label="1 of 2 done, 1 cancelled"' in draw(["completed", "cancelled"])
