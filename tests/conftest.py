"""What every test needs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connections
from django.test.utils import setup_databases, teardown_databases
from pytest_django import DjangoDbBlocker

from executions import notifications


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, django_db_blocker: DjangoDbBlocker, django_db_keepdb: bool
) -> Iterator[None]:
    """Test databases, always: pytest-django makes none where only fixtures of modules ask for them, and what
    these write, and flush, would be the real one."""
    with django_db_blocker.unblock():
        made = setup_databases(
            verbosity=0, interactive=False, keepdb=django_db_keepdb, serialized_aliases=set()
        )
        for connection in connections.all():
            assert str(connection.settings_dict["NAME"]).startswith("test_"), "not a test's database"
    yield
    if not django_db_keepdb:
        with django_db_blocker.unblock():
            teardown_databases(made, verbosity=0)


@pytest.fixture(autouse=True)
def no_connection_outlives_a_test() -> Iterator[None]:
    """A test's database is dropped, and a connection that still listens would not let it go."""
    yield
    notifications.close()
