"""The reference site's ``c4c``: as the apps', on a database that is always up to date, and with ``db``."""

from __future__ import annotations

from c4c_site.database_command import DB
from c4c_site.preparation import prepared, serving
from executions.cli import serve
from executions.cli.frame import Subcommand
from executions.management.commands import c4c

WITHOUT_DATABASE = {"procedures"}


def of_the_site(subcommand: Subcommand) -> Subcommand:
    if subcommand is serve.SERVE:
        return serving()
    return subcommand if subcommand.name in WITHOUT_DATABASE else prepared(subcommand)


class Command(c4c.Command):
    subcommands = (*(of_the_site(each) for each in c4c.Command.subcommands), DB)
