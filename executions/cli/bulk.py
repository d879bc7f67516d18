"""``c4c bulk``: one verb for many executions, followed to its end."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser, Namespace
from typing import Any

from executions import queries
from executions.cli.frame import Subcommand, usage_error
from executions.cli.person import person
from executions.cli.printing import json_option, print_fields, print_json, print_table
from executions.cli.reading import json_text
from executions.cli.serve import refuse_stale_database
from executions.cli.words import told_refusals
from executions.models import BulkOperation
from executions.operations import bulk

LOOK_AGAIN = 0.5
"""Seconds, where somebody else is at it."""
FILTERS = {
    "--status": ("status", "STATUS"),
    "--workflow": ("workflowId", "ID"),
    "--tag": ("tag", "TAG"),
    "--trigger": ("trigger", "NAME"),
    "--parent": ("parent", "ID"),
    "--q": ("q", "PREFIX"),
}
Document = dict[str, Any]


def add_arguments(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for action in bulk.ACTIONS:
        _add_action(actions.add_parser(action, help=f"{action} many"), action)
    json_option(actions.add_parser("list", help="the operations, the newest first"))
    for word, help in (("show", "how far one is"), ("stop", "leave the rest of one as it is")):
        one = actions.add_parser(word, help=help)
        one.add_argument("id", metavar="ID")
        json_option(one)


def run(options: Namespace) -> int:
    refuse_stale_database()
    with told_refusals():
        match options.action:
            case "list":
                return _list(options)
            case "show":
                return _tell(queries.bulk_document(options.id), options)
            case "stop":
                return _tell(queries.bulk_document(bulk.stop(options.id)), options)
            case _:
                return _begin(options)


def _add_action(parser: ArgumentParser, action: str) -> None:
    parser.add_argument("ids", nargs="*", metavar="ID", help="these; or choose by filters")
    for flag, (name, metavar) in FILTERS.items():
        parser.add_argument(flag, dest=f"filter_{name}", action="append", metavar=metavar)
    parser.add_argument("--since", dest="filter_since", metavar="TIME", help="queued at or after")
    parser.add_argument("--until", dest="filter_until", metavar="TIME", help="queued before")
    parser.add_argument("--dry-run", action="store_true", help="only count them")
    parser.add_argument("--detach", action="store_true", help="leave it to the workers")
    json_option(parser)
    known = bulk.OPTIONS.get(action, {})
    if "reason" in known:
        parser.add_argument("--reason", metavar="TEXT")
    if "name" in known:
        parser.add_argument("--name", required=True, metavar="NAME", help="the signal's")
        parser.add_argument("--payload", metavar="JSON")
    if "version" in known:
        parser.add_argument("--version", metavar="N", help="a number, or latest")
        parser.add_argument("--from-node", metavar="NODE")


def _begin(options: Namespace) -> int:
    asked: Document = {"filter": _filter(options), "ids": options.ids or None, "options": _options(options)}
    if options.ids and asked["filter"]:
        raise usage_error("give ids or filters, not both")
    asked["filter"] = asked["filter"] or (None if options.ids else {})
    if options.dry_run:
        total = bulk.preview(options.action, **asked)
        if options.json:
            print_json({"total": total})
        else:
            print(f"{options.action}: {'more than can be counted' if total is None else total} executions")
        return 0
    begun = bulk.begin(options.action, **asked, actor=person())
    if not options.json:
        print(f"{begun.pk}: {options.action} {'many' if begun.total is None else begun.total} executions")
    if not options.detach:
        _follow(begun, quiet=options.json)
    return _tell(queries.bulk_document(begun.pk), options)


def _follow(begun: BulkOperation, *, quiet: bool) -> None:
    """Do a page, or watch who does; Ctrl-C leaves the rest to the workers."""
    try:
        while True:
            worked = bulk.advance()
            told = queries.bulk_document(begun.pk)
            if not quiet and sys.stdout.isatty():
                sys.stdout.write(f"\r{_progress(told)} ")
                sys.stdout.flush()
            if told["status"] != "running":
                break
            if not worked:
                time.sleep(LOOK_AGAIN)
    except KeyboardInterrupt:
        sys.stderr.write(f"\nc4c: the workers go on with it; c4c bulk stop {begun.pk} stops it\n")
    if not quiet and sys.stdout.isatty():
        print()


def _filter(options: Namespace) -> Document:
    given = vars(options)
    names = [*(name for name, _ in FILTERS.values()), "since", "until"]
    return {name: given[f"filter_{name}"] for name in names if given[f"filter_{name}"]}


def _options(options: Namespace) -> Document:
    found = {
        name: value
        for name in ("reason", "name", "payload", "version", "from_node")
        if (value := getattr(options, name, None)) is not None
    }
    if "payload" in found:
        found["payload"] = json_text(found["payload"], "--payload")
    if found.get("version", "").isdecimal():
        found["version"] = int(found["version"])
    return found


def _list(options: Namespace) -> int:
    found, _ = queries.bulk_page(limit=20)
    if options.json:
        print_json({"bulk": found})
    else:
        rows = [
            (one["bulkId"], one["action"], one["status"], one["createdAt"], _progress(one)) for one in found
        ]
        print_table(["OPERATION", "ACTION", "STATUS", "BEGAN", "PROGRESS"], rows)
    return 0


def _tell(told: Document, options: Namespace) -> int:
    """The exit code is 1 where some were refused."""
    if options.json:
        print_json({"bulk": told})
    else:
        print_fields({"operation": told["bulkId"], "status": told["status"], "progress": _progress(told)})
        for one in told["problems"]:
            print(f"{one['executionId']}: {one['detail']}")
    return 1 if told["refused"] else 0


def _progress(told: Document) -> str:
    done = told["applied"] + told["refused"]
    total = "" if told["total"] is None else f" of {told['total']}"
    return f"{done}{total}, {told['refused']} refused"


BULK = Subcommand("bulk", "cancel, retry, delete … many executions", add_arguments, run)
