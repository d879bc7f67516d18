"""A PostgreSQL of the test's own, which may be stopped at once and comes back."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections

from c4c_site.postgres.server import Server
from tests.durability.conftest import until
from tests.site.servers import folder


@contextmanager
def own_server() -> Iterator[Server]:
    """A server of our own, as the default database; its workers need ``environment``."""
    given, ours = connections.settings["default"], connections["default"]
    before, embedded = dict(given), getattr(ours, "server", None)
    with folder() as home:
        made = Server(home)
        use(made)
        call_command("migrate", run_syncdb=True, verbosity=0)
        try:
            yield made
        finally:
            connection.close()
            given.update(before)
            ours.settings_dict.update(before)
            if embedded is not None:
                ours.server = embedded
            made.stop(force=True)


def environment(server: Server) -> dict[str, str]:
    return {"C4C_DATA_DIR": str(server.home), "SECRET_KEY": settings.SECRET_KEY}


def use(server: Server) -> None:
    """Connect to it from now on; it is started where it does not run."""
    connection.close()
    place = {"HOST": server.ensure(), "PORT": "5432", "NAME": "c4c", "USER": "postgres", "PASSWORD": ""}
    connections.settings["default"].update(place, DATA_DIR=server.home)
    ours = connections["default"]
    ours.settings_dict.update(place)
    if hasattr(ours, "server"):
        ours.server = server  # tests run on an embedded server, which is another


def stop_at_once(server: Server) -> None:
    """As ``pg_ctl stop -m immediate``: what is not on the disk is lost. Workers start it again."""
    running = server.status().running
    assert running is not None
    connection.close()
    os.kill(running.pid, signal.SIGQUIT)
    until(lambda: is_gone(server, running.pid), "the server is gone")


def is_gone(server: Server, pid: int) -> bool:
    running = server.status().running
    return running is None or running.pid != pid
