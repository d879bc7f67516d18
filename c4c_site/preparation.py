"""What the reference site does by itself so that its first command works: migrations and a first user."""

from __future__ import annotations

import secrets
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from executions import database
from executions.cli import serve
from executions.cli.frame import Subcommand
from executions.permissions import configuration_problem
from workflows import library

PREPARING = 0x63346373  # an advisory lock: "c4cs"
ADMIN = "admin"


def prepared(subcommand: Subcommand) -> Subcommand:
    """The subcommand, on a database that is up to date with the code."""

    def run(options: Namespace) -> int | None:
        migrate()
        library.sync()
        return subcommand.run(options)

    return replace(subcommand, run=run)


def serving() -> Subcommand:
    """``serve``, which also makes the first user and tells the password."""

    def run(options: Namespace) -> int:
        host, port = serve.address(options)
        serve.refuse_taken(host, port)
        problem = configuration_problem()
        if problem:
            raise CommandError(problem)
        migrate()
        make_first_user()
        return serve.run(options)

    return replace(serve.SERVE, run=run)


def migrate() -> None:
    database.connect("c4c-prepare").close()  # a pool would try for long before it said that nobody answers
    if not _is_migrated():
        with _alone():
            if not _is_migrated():
                call_command("migrate", interactive=False, verbosity=0)


def make_first_user() -> None:
    users = get_user_model()._default_manager
    if users.exists():
        return
    password = secrets.token_urlsafe(12)
    with _alone():
        if users.exists():
            return
        users.create_superuser(ADMIN, "", password)
    print(f"first start: user {ADMIN} with password {password} (told only now), for /admin", flush=True)


def _is_migrated() -> bool:
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


@contextmanager
def _alone() -> Iterator[None]:
    """Of the processes that start together, one at a time."""
    with database.connect("c4c-prepare") as own:
        own.execute("SELECT pg_advisory_lock(%s)", [PREPARING])
        yield
