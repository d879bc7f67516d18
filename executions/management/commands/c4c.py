"""``manage.py c4c …``: one command, whose subcommands are in ``executions.cli.registry``."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandError, SystemCheckError, handle_default_options
from django.db import InterfaceError, OperationalError, ProgrammingError, connections

from executions.cli.frame import Parser, Subcommand, unknown
from executions.cli.registry import SUBCOMMANDS

INTERRUPTED = 130
UNREAD = 141  # both as shells tell a signal: 128 and its number


class Command(BaseCommand):
    help = "Durable workflows: serve them, run them, look at them."
    subcommands: tuple[Subcommand, ...] = SUBCOMMANDS

    def run_from_argv(self, argv: list[str]) -> None:
        """As Django's, but whatever the subcommand, a mistake is one line that begins with ``c4c:``."""
        self._called_from_command_line = True
        try:
            self._run(argv)
        except SystemCheckError as error:
            sys.exit(str(error))
        except CommandError as error:
            self._quit(str(error), error.returncode)
        except (OperationalError, InterfaceError, psycopg.OperationalError) as error:
            self._quit(f"the database does not answer: {str(error).strip().splitlines()[0]}", 1)
        except (ProgrammingError, psycopg.ProgrammingError) as error:
            if not _is_unmigrated(error):
                raise
            self._quit("the database lacks tables: run manage.py migrate first", 1)
        except KeyboardInterrupt:
            sys.exit(INTERRUPTED)
        except BrokenPipeError:  # the reader, such as head, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(UNREAD)
        finally:
            connections.close_all()

    def _run(self, argv: list[str]) -> None:
        words = argv[2:]
        if words and not words[0].startswith("-"):
            self._named(words[0])
        options = self.create_parser(argv[0], argv[1]).parse_args(words)
        handle_default_options(options)
        self.execute(**vars(options))

    def _quit(self, message: str, code: int) -> None:
        self.stderr.write(f"c4c: {message}")
        sys.exit(code)

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Parser:
        parser = Parser(prog="c4c", description=self.help)
        parser.add_argument("--settings", help="the settings module, instead of DJANGO_SETTINGS_MODULE")
        parser.add_argument("--pythonpath", help="a directory to import from")
        parser.set_defaults(verbosity=1, no_color=False, force_color=False, skip_checks=True, traceback=False)
        self.add_arguments(parser)
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        words = parser.add_subparsers(dest="subcommand", metavar="COMMAND", title="commands", required=True)
        for subcommand in self.subcommands:
            own = words.add_parser(subcommand.name, help=subcommand.help, description=subcommand.help)
            subcommand.add_arguments(own)

    def handle(self, *args: Any, **options: Any) -> None:
        subcommand = self._named(options["subcommand"])
        if subcommand.checks:
            self.check()
        code = subcommand.run(Namespace(**options))
        sys.stdout.flush()
        if code:
            sys.exit(code)

    def _named(self, name: str) -> Subcommand:
        for subcommand in self.subcommands:
            if subcommand.name == name:
                return subcommand
        raise unknown("command", name, (subcommand.name for subcommand in self.subcommands))


def _is_unmigrated(error: Exception) -> bool:
    missing = (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn)
    return isinstance(error, missing) or isinstance(error.__cause__, missing)
