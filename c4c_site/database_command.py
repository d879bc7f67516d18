"""``c4c db``: the embedded PostgreSQL by hand."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable

from django.core.management.base import CommandError
from django.db import DEFAULT_DB_ALIAS, connections

from c4c_site.postgres.base import DatabaseWrapper
from c4c_site.postgres.server import Server
from executions.cli.frame import Subcommand

NOT_RUNNING = 3  # as LSB init scripts say it


def add_arguments(parser: ArgumentParser) -> None:
    actions = "; ".join(
        (
            "status: whether it runs, and where",
            "start: run it until stop",
            "stop: stop it for everybody",
            "url: print its DATABASE_URL, starting it to stay",
        )
    )
    parser.add_argument("action", nargs="?", choices=sorted(ACTIONS), default="status", help=actions)
    parser.add_argument("--force", action="store_true", help="stop it although other processes use it")


def run(options: Namespace) -> int:
    wrapper = connections[DEFAULT_DB_ALIAS]
    if not isinstance(wrapper, DatabaseWrapper):
        raise CommandError("DATABASE_URL names the database, so there is no embedded one here")
    return ACTIONS[options.action](wrapper.server, options)


def status(server: Server, _options: Namespace) -> int:
    now = server.status()
    if now.running is None:
        print(f"stopped; data in {now.data}")
        return NOT_RUNNING
    stays = ", stays until c4c db stop" if now.kept else ""
    print(f"running (process {now.running.pid}{stays}); data in {now.data}")
    return 0


def start(server: Server, options: Namespace) -> int:
    server.start()
    return status(server, options)


def stop(server: Server, options: Namespace) -> int:
    print("stopped" if server.stop(force=options.force) else "it did not run")
    return 0


def url(server: Server, _options: Namespace) -> int:
    server.start()
    print(server.url())
    return 0


ACTIONS: dict[str, Callable[[Server, Namespace], int]] = {
    "start": start,
    "stop": stop,
    "status": status,
    "url": url,
}

DB = Subcommand("db", "the embedded PostgreSQL: start, stop, status, url", add_arguments, run, checks=False)
