from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.definition import RetryPolicy


def test_delays_grow_up_to_the_longest() -> None:
    policy = RetryPolicy(max_attempts=10, initial_interval=1, backoff=2, max_interval=5, jitter=0)
    assert [policy.delay(attempt, 0.5) for attempt in (1, 2, 3, 4, 5_000)] == [1, 2, 4, 5, 5]


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True), st.floats(0, 1))
def test_jitter_takes_away_at_most_its_share(attempt: int, rand: float, jitter: float) -> None:
    policy = RetryPolicy(initial_interval=2, max_interval=60, jitter=jitter)
    steady = RetryPolicy(initial_interval=2, max_interval=60, jitter=0).delay(attempt, rand)
    assert steady * (1 - jitter) <= policy.delay(attempt, rand) <= steady


@pytest.mark.parametrize(
    ("policy", "name", "attempt", "elapsed", "permitted"),
    [
        (RetryPolicy(max_attempts=3), "E", 2, 0, True),
        (RetryPolicy(max_attempts=3), "E", 3, 0, False),
        (RetryPolicy(non_retryable=("E",)), "E", 1, 0, False),
        (RetryPolicy(retry_on=("E",)), "E", 1, 0, True),
        (RetryPolicy(retry_on=("E",)), "Other", 1, 0, False),
        (RetryPolicy(max_elapsed=10), "E", 1, 9.9, True),
        (RetryPolicy(max_elapsed=10), "E", 1, 10, False),
    ],
)
def test_a_policy_permits_what_it_says(
    policy: RetryPolicy, name: str, attempt: int, elapsed: float, permitted: bool
) -> None:
    assert policy.permits(name, attempt, elapsed) is permitted
