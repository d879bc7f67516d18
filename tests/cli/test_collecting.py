"""How often Python looks for circles of garbage."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from executions.cli.collecting import SELDOM, relax


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


@pytest.mark.parametrize(("chosen", "then"), [((700, 10, 10), SELDOM), ((50_000, 5, 5), (50_000, 5, 5))])
def test_it_looks_more_seldom_but_never_more_often_than_chosen(
    chosen: tuple[int, int, int], then: tuple[int, int, int]
) -> None:
    gc.set_threshold(*chosen)
    relax()
    assert gc.get_threshold() == then
