"""``c4c executions``: the newest, one of them whole, and the verbs."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from django.core.management.base import CommandError

from executions import operations, queries
from executions.cli.frame import Subcommand, usage_error
from executions.cli.person import person
from executions.cli.printing import json_option, print_fields, print_json, print_table, told_duration
from executions.cli.serve import refuse_stale_database
from executions.errors import ExecutionError, ExecutionNotFound
from executions.queries import InvalidFilter

VERBS = {
    "cancel": "ask it to stop",
    "terminate": "end it now, undoing nothing",
    "pause": "start nothing new in it",
    "resume": "go on with it",
    "retry": "a new execution that does again what is left of this one",
}
Document = dict[str, Any]
LISTED, MOST_LISTED = 20, 200


def add_arguments(parser: ArgumentParser) -> None:
    json_option(parser)
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    listing = actions.add_parser("list", help="the newest (the default)")
    listing.add_argument(
        "--status", action="append", default=[], metavar="STATUS", help="!STATUS leaves it out"
    )
    listing.add_argument("--workflow", action="append", default=[], metavar="ID")
    listing.add_argument("--limit", type=int, default=LISTED, metavar="N")
    json_option(listing, nested=True)
    one = actions.add_parser("show", help="one, whole")
    one.add_argument("id", metavar="ID")
    json_option(one, nested=True)
    for verb, help in VERBS.items():
        some = actions.add_parser(verb, help=help)
        some.add_argument("ids", nargs="+", metavar="ID")
        json_option(some, nested=True)


def run(options: Namespace) -> int:
    refuse_stale_database()
    if options.action in VERBS:
        return _each(options)
    if options.action == "show":
        _show(options)
    else:
        _list(options)
    return 0


def _list(options: Namespace) -> None:
    filters = {"status": getattr(options, "status", []), "workflowId": getattr(options, "workflow", [])}
    limit = getattr(options, "limit", LISTED)
    if not 1 <= limit <= MOST_LISTED:
        raise usage_error(f"--limit must be from 1 to {MOST_LISTED}")
    try:
        rows, _ = queries.execution_rows(filters, limit=limit)
    except InvalidFilter as error:
        raise usage_error(str(error)) from None
    if options.json:
        print_json({"executions": rows})
    else:
        print_table(["EXECUTION", "WORKFLOW", "STATUS", "QUEUED", "TOOK", "NODES"], map(_columns, rows))


def _columns(row: Document) -> list[object]:
    took, nodes = told_duration(row.get("executionTime")), len(row["nodesExecuted"])
    return [row["executionId"], row["workflowId"], row["status"], row["queuedAt"], took, nodes]


def _show(options: Namespace) -> None:
    try:
        document = queries.execution_document(options.id, stack=True, spans=options.json, reasons=True)
    except ExecutionNotFound as error:
        raise usage_error(str(error)) from None
    if options.json:
        print_json({"execution": document})
        return
    names = ("executionId", "workflowId", "status", "waitReason", "key", "queuedAt", "startTime", "endTime")
    print_fields({name: document.get(name) for name in names} | {"error": _message(document)})
    print()
    nodes = sorted(document["nodeDetails"].values(), key=lambda node: node.get("startTime", ""))
    told = [
        (one["nodeId"], one["status"], told_duration(one.get("duration")), _message(one)) for one in nodes
    ]
    print_table(["NODE", "STATUS", "TOOK", "ERROR"], told)


def _message(document: Document) -> str:
    error = document.get("error") or {}
    return f"{error.get('name', 'Error')}: {error.get('message', '')}" if error else ""


def _each(options: Namespace) -> int:
    """Do the verb to each; the exit code is 1 where one was refused, and the others are done all the same."""
    told = [_do(options.action, id) for id in options.ids]
    if options.json:
        print_json({"executions": told})
    else:
        for one in told:
            print(f"{one['id']}: {one.get('error') or one['done']}")
    refused = [one for one in told if "error" in one]
    if refused and not options.json:
        raise CommandError(f"{options.action}: {len(refused)} of {len(told)} refused")
    return 1 if refused else 0


def _do(verb: str, execution_id: str) -> Document:
    try:
        execution = getattr(operations, verb)(execution_id, actor=person())
    except ExecutionError as error:
        return {"id": execution_id, "error": str(error)}
    if verb == "retry":
        return {"id": execution_id, "done": f"goes on as {execution.id}", "executionId": execution.id}
    return {"id": execution_id, "done": f"{verb} asked for", "status": str(execution.status)}


EXECUTIONS = Subcommand(
    "executions", "list, show, cancel, terminate, pause, resume and retry executions", add_arguments, run
)
