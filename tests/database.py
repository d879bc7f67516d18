"""Where the tests' database is, as another process is told of it."""

from __future__ import annotations

from urllib.parse import quote

from django.db import connection


def url() -> str:
    """For ``DATABASE_URL``; a socket's folder is percent-encoded."""
    given = connection.get_connection_params()
    host, port = str(given.get("host") or "localhost"), given.get("port") or 5432
    person = quote(str(given.get("user") or ""), safe="")
    password = f":{quote(str(given['password']), safe='')}" if given.get("password") else ""
    return f"postgres://{person}{password}@{quote(host, safe='')}:{port}/{quote(given['dbname'], safe='')}"
