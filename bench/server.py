"""The PostgreSQL that is measured on, and fresh databases there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import psycopg

from c4c_site.postgres import places
from c4c_site.postgres.server import PORT, SUPERUSER, at

DATABASES = ("c4c_bench", "dbos_bench")
DURABLE = ("fsync", "synchronous_commit", "full_page_writes", "shared_buffers")


@dataclass(frozen=True, slots=True)
class Place:
    base: str
    pgbench: str
    version: str
    settings: str

    def url(self, database: str) -> str:
        return urlunsplit(urlsplit(self.base)._replace(path=f"/{database}"))

    def sqlalchemy_url(self, database: str) -> str:
        """As DBOS reads it: a socket's folder is a parameter there."""
        parts = urlsplit(self.url(database))
        if "%2F" not in parts.netloc:
            return urlunsplit(parts)
        user, _, place = parts.netloc.rpartition("@")
        socket, _, port = place.partition(":")
        return urlunsplit(parts._replace(netloc=f"{user}@", query=f"host={unquote(socket)}&port={port}"))


@contextmanager
def running() -> Iterator[Place]:
    """The server that ``DATABASE_URL`` names, else an embedded one in a folder that goes with the run."""
    given = os.environ.get("DATABASE_URL")
    if given:
        yield _prepared(given)
        return
    with tempfile.TemporaryDirectory(prefix="c4c-bench-") as folder:
        server = at(Path(folder))
        try:
            socket = quote(server.ensure(), safe="")
            yield _prepared(f"postgresql://{SUPERUSER}@{socket}:{PORT}/postgres")
        finally:
            server.leave()


def _prepared(base: str) -> Place:
    with psycopg.connect(base, autocommit=True) as connection:
        for name in DATABASES:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}"')
            connection.execute(f'CREATE DATABASE "{name}"')
        version = connection.execute("SHOW server_version").fetchone()
        settings = [(name, connection.execute(f"SHOW {name}").fetchone()) for name in DURABLE]
    told = ", ".join(f"{name} {row[0]}" for name, row in settings if row)
    pgbench = str(places.programs(None) / "pgbench")
    return Place(base, pgbench, version[0].split()[0] if version else "?", told)
