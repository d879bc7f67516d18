"""The product as its users run it: one site for all tests, and more for those that need their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.seeds.site import Process, Site
from tests.site.servers import folder


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """``c4c serve all``, which no test may end."""
    with folder() as home:
        running = Site(home, "all")
        yield running
        running.end()


@pytest.fixture
def home() -> Iterator[Path]:
    """A data folder of the test's own."""
    with folder() as place:
        yield place


@pytest.fixture
def ending(home: Path) -> Iterator[Callable[[Process], None]]:
    """Processes that are ended after the test, the last first."""
    started: list[Process] = []
    yield started.append
    for process in reversed(started):
        process.end()
