"""Django's PostgreSQL backend on the embedded server: a connection first sees to it that the server runs."""

from __future__ import annotations

import atexit
import os
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.db import connections
from django.db.backends.postgresql import base

from c4c_site.data_folder import data_folder
from c4c_site.postgres.cluster import DATABASE, SUPERUSER
from c4c_site.postgres.server import Server, at


class DatabaseWrapper(base.DatabaseWrapper):
    def __init__(self, settings_dict: dict[str, Any], alias: str = "default") -> None:
        super().__init__(settings_dict, alias)
        settings_dict["NAME"] = settings_dict["NAME"] or DATABASE
        settings_dict["USER"] = settings_dict["USER"] or SUPERUSER
        self.server = at(Path(settings_dict.get("DATA_DIR") or _usual_folder()))
        options = settings_dict["OPTIONS"]
        if options.get("pool"):
            options["pool"] = {**options["pool"], "connection_class": _connection_class(self.server)}

    def get_connection_params(self) -> dict[str, Any]:
        self.settings_dict["HOST"] = self.server.ensure()
        params: dict[str, Any] = super().get_connection_params()
        return params


def _usual_folder() -> Path:
    site = Path(getattr(settings, "BASE_DIR", "") or Path.cwd())
    return data_folder(os.environ.get("C4C_DATA_DIR", ""), site)


def _connection_class(server: Server) -> type[psycopg.Connection[Any]]:
    """A pool reconnects by itself, with the parameters of long ago: the server may have died meanwhile."""

    class EmbeddedConnection(psycopg.Connection[Any]):
        @classmethod
        def connect(cls, conninfo: str = "", **kwargs: Any) -> Any:
            return super().connect(conninfo, **{**kwargs, "host": server.ensure()})

    return EmbeddedConnection


@atexit.register
def leave() -> None:
    """Give the server back when the process ends in order. A killed one has given back its share anyhow."""
    for connection in connections.all(initialized_only=True):
        if isinstance(connection, DatabaseWrapper):
            connection.close()
            connection.close_pool()
            connection.server.leave()
