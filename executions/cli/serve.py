"""``c4c serve``: the API, the pages and an executor in one process."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from executions.cli.frame import Subcommand


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("part", nargs="?", choices=["all", "api", "ui"], default="all")


def run(options: Namespace) -> int:
    raise NotImplementedError


SERVE = Subcommand("serve", "serve the API and the pages, with an executor", add_arguments, run)
