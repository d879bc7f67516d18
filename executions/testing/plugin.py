"""The pytest plugin: the fixture ``c4c`` in every project that has this package installed.

It is imported before Django is set up, and where nobody uses it. So the kit is imported by the fixture.
"""

from __future__ import annotations

import importlib
from typing import Any

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("c4c", "durable workflows")
    group.addoption("--c4c-update", action="store_true", help="Record golden event sequences anew.")


@pytest.fixture
def c4c(request: pytest.FixtureRequest) -> Any:
    """Runs workflows in memory and in virtual time: ``executions.testing.kit.Kit``."""
    kit = importlib.import_module("executions.testing.kit")
    update = request.config.getoption("--c4c-update")
    return kit.Kit(folder=str(request.path.parent), update=update)
