"""``c4c queues``: what waits in each, and holding one back."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from executions import queues
from executions.cli.frame import Subcommand, unknown, usage_error
from executions.cli.person import person
from executions.cli.printing import json_option, print_json, print_table
from executions.cli.serve import refuse_stale_database
from executions.errors import InvalidInput, QueueNotFound

VERBS = {"pause": "let nothing of it start or wake", "resume": "go on with it"}
COUNTS = ("due", "waiting", "gated", "running", "executors")


def add_arguments(parser: ArgumentParser) -> None:
    json_option(parser)
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    json_option(actions.add_parser("list", help="what waits in each (the default)"), nested=True)
    for verb, help in VERBS.items():
        one = actions.add_parser(verb, help=help)
        one.add_argument("name", metavar="NAME")
        json_option(one, nested=True)


def run(options: Namespace) -> int:
    refuse_stale_database()
    if options.action in VERBS:
        _hold(options.action, options.name)
    found = queues.listed()
    if options.json:
        print_json({"queues": found})
    else:
        print_table(["QUEUE", *map(str.upper, COUNTS), "PAUSED"], map(_columns, found))
    return 0


def _hold(verb: str, name: str) -> None:
    try:
        if verb == "pause":
            queues.pause(name, actor=person())
        else:
            queues.resume(name)
    except InvalidInput as error:
        raise usage_error(str(error)) from None
    except QueueNotFound:
        raise unknown("queue", name, [found["name"] for found in queues.listed()]) from None


def _columns(found: dict[str, Any]) -> list[object]:
    paused = f"since {found['paused_at']:%Y-%m-%d %H:%M:%S}" if found["paused_at"] else ""
    by = f" by {found['paused_by']}" if found["paused_at"] and found["paused_by"] else ""
    return [found["name"], *(found[name] for name in COUNTS), paused + by]


QUEUES = Subcommand("queues", "list the queues, pause and resume them", add_arguments, run)
