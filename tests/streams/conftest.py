from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command

from executions import notifications
from executions.streams.readers import readers
from tests.streams.server import Server


@pytest.fixture(scope="module")
def database(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """A database that other processes see too; emptied when the module is through."""
    with django_db_blocker.unblock():
        yield
        notifications.close()
        assert readers.wait_until_idle(10)
        call_command("flush", interactive=False, verbosity=0)


@pytest.fixture(scope="package")
def server(django_db_setup: None) -> Iterator[Server]:
    """One that beats and sweeps often, so that tests need not wait long."""
    running = Server(STREAM_HEARTBEAT_SECONDS=0.5, STREAM_SWEEP_SECONDS=0.3, RESULT_BYTES=100_000)
    yield running
    assert running.stop() == 0
