"""What a subcommand is, and how its arguments and mistakes are told."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NoReturn

from django.core.management.base import CommandError, CommandParser


@dataclass(frozen=True)
class Subcommand:
    """One word after ``c4c``.

    ``run`` gets the parsed options and answers the exit code (None is 0). What the user did wrong it raises
    as ``usage_error(…)``, what else went wrong as ``CommandError``: either is told in one line, without a
    traceback. ``checks`` is false for what must work while the project's system checks fail.
    """

    name: str
    help: str
    add_arguments: Callable[[ArgumentParser], None]
    run: Callable[[Namespace], int | None]
    checks: bool = True


class Parser(CommandParser):
    """Raises what argparse would print with its usage: one mistake, one line."""

    def error(self, message: str) -> NoReturn:
        raise usage_error(f"{message} (see {self.prog} --help)")


def usage_error(message: str) -> CommandError:
    return CommandError(message, returncode=2)


def unknown(kind: str, name: str, known: Iterable[str]) -> CommandError:
    """`unknown workflow "maht": did you mean math?`"""
    near = get_close_matches(name, sorted(known), n=3, cutoff=0.5)
    hint = f": did you mean {' or '.join(near)}?" if near else ""
    return usage_error(f'unknown {kind} "{name}"{hint}')
