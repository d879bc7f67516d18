"""``HYPOTHESIS_EXAMPLES=5000`` looks further than the tests that everybody runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.db import connections
from django.test import override_settings
from hypothesis import HealthCheck, settings

from executions import notifications
from executions.executor import Executor
from tests.executions.engine import QUICK, executing
from workflows import library

settings.register_profile(
    "c4c",
    max_examples=int(os.environ.get("HYPOTHESIS_EXAMPLES", "400")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("c4c")


@pytest.fixture(scope="module")
def database(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """A database that other threads see too; emptied when the module is through."""
    with django_db_blocker.unblock(), override_settings(C4C={**django_settings.C4C, **QUICK}):
        library.sync()
        yield
        notifications.close()
        call_command("flush", interactive=False, verbosity=0)


@pytest.fixture(scope="module")
def executor(database: None) -> Iterator[Executor]:
    """One for all of the module's tests."""
    with executing() as running:
        yield running


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """A second connection under an alias of its own: another transaction, as another database would have."""
    alias = "elsewhere"
    connections.settings[alias] = dict(connections["default"].settings_dict)
    try:
        yield alias
    finally:
        connections[alias].close()
        del connections[alias]
        del connections.settings[alias]
