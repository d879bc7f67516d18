"""``c4c procedures``: what workflows may be built from."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from executions.cli.frame import Subcommand
from executions.cli.printing import json_option, print_json, print_table
from procedures import registry


def add_arguments(parser: ArgumentParser) -> None:
    json_option(parser)


def run(options: Namespace) -> None:
    found = registry.all()
    if options.json:
        print_json({"procedures": [procedure.document() for procedure in found]})
    else:
        print_table(["NAME", "DESCRIPTION"], [(one.name, one.description) for one in found])


PROCEDURES = Subcommand("procedures", "list the procedures", add_arguments, run)
