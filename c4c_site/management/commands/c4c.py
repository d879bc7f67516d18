"""The reference site's ``c4c``: as the apps', and ``db`` for its embedded PostgreSQL."""

from __future__ import annotations

from c4c_site.database_command import DB
from executions.management.commands import c4c


class Command(c4c.Command):
    subcommands = (*c4c.Command.subcommands, DB)
