"""The reference site's ``c4c``: as the apps', with its own ``serve`` and with ``db``."""

from __future__ import annotations

from c4c_site.database_command import DB
from c4c_site.serve_command import SERVE
from executions.management.commands import c4c

OWN = {SERVE.name: SERVE}


class Command(c4c.Command):
    subcommands = (*(OWN.get(each.name, each) for each in c4c.Command.subcommands), DB)
