"""What every test needs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from executions import notifications


@pytest.fixture(autouse=True)
def no_connection_outlives_a_test() -> Iterator[None]:
    """A test's database is dropped, and a connection that still listens would not let it go."""
    yield
    notifications.close()
