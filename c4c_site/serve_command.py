"""The reference site's ``c4c serve``: it also brings its database up to date and makes a first user."""

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
from executions.permissions import configuration_problem

PREPARING = 0x63346373  # an advisory lock: "c4cs"
ADMIN = "admin"


def run(options: Namespace) -> int:
    host, port = serve.address(options)
    serve.refuse_taken(host, port)
    prepare()
    return serve.run(options)


def prepare() -> None:
    """Migrations and the admin user, once, however many processes start together."""
    problem = configuration_problem()
    if problem:
        raise CommandError(problem)
    with _alone():
        migrate()
        password = make_first_user()
    if password:
        print(f"first start: user {ADMIN} with password {password} (told only now), for /admin", flush=True)


def migrate() -> None:
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        call_command("migrate", interactive=False, verbosity=0)


def make_first_user() -> str | None:
    """The password of the user that was made; None where there are users."""
    users = get_user_model()._default_manager
    if users.exists():
        return None
    password = secrets.token_urlsafe(12)
    users.create_superuser(ADMIN, "", password)
    return password


@contextmanager
def _alone() -> Iterator[None]:
    with database.connect("c4c-prepare") as own:
        own.execute("SELECT pg_advisory_lock(%s)", [PREPARING])
        yield


SERVE = replace(serve.SERVE, run=run)
