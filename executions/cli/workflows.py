"""``c4c workflows``: the library, one definition of it, and documents that are to come into it."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterable
from typing import Any

from executions.cli import versions
from executions.cli.frame import Subcommand, unknown
from executions.cli.printing import json_option, print_fields, print_json, print_table
from executions.cli.reading import json_file
from executions.cli.serve import refuse_stale_database
from workflows import library
from workflows.errors import InvalidDefinition, Problem
from workflows.models import Workflow
from workflows.validation import problems

Document = dict[str, Any]


def add_arguments(parser: ArgumentParser) -> None:
    json_option(parser)
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    json_option(actions.add_parser("list", help="the library (the default)"), nested=True)
    for word, argument, help in WITH_ONE:
        action = actions.add_parser(word, help=help)
        action.add_argument(argument, metavar=argument.upper())
        json_option(action, nested=True)
    versions.add_diff(actions.add_parser("diff", help="what two versions differ in"))
    versions.add_migrate(actions.add_parser("migrate", help="move executions that rest to another version"))


WITH_ONE = (
    ("show", "id", "one definition"),
    ("validate", "file", "tell every problem of a document (- for standard input)"),
    ("import", "file", "publish a document (- for standard input)"),
)


def run(options: Namespace) -> int:
    refuse_stale_database()
    match options.action:
        case "show":
            return _show(options)
        case "validate":
            return _validate(options)
        case "import":
            return _import(options)
        case "diff":
            return versions.diff(options)
        case "migrate":
            return versions.migrate(options)
        case _:
            return _list(options)


def _list(options: Namespace) -> int:
    found = Workflow.objects.select_related("current").exclude(current=None).order_by("name")
    rows = [_workflow(workflow) for workflow in found]
    if options.json:
        print_json({"workflows": rows})
    else:
        told = [(row["id"], f"v{row['workflowVersion']}", row["nodeCount"], row["name"]) for row in rows]
        print_table(["ID", "VERSION", "NODES", "NAME"], told)
    return 0


def _workflow(workflow: Workflow) -> Document:
    version = workflow.current
    assert version is not None
    return {
        "id": workflow.id,
        "name": workflow.name,
        "description": workflow.description,
        "version": version.label,
        "workflowVersion": version.number,
        "nodeCount": len(version.definition.get("nodes", ())),
    }


def _show(options: Namespace) -> int:
    ids = list(Workflow.objects.values_list("id", flat=True))
    if options.id not in ids:
        raise unknown("workflow", options.id, ids)
    version = library.current(options.id)
    definition = version.definition
    if options.json:
        print_json({"definition": definition, "workflowVersion": version.number})
        return 0
    about = {"id": definition["id"], "name": definition["name"], "description": definition.get("description")}
    print_fields(
        about | {"version": f"v{version.number} ({version.label})", "starts at": definition["startNode"]}
    )
    print()
    rows = [(one["id"], one["type"], one.get("procedureName"), _next(one)) for one in definition["nodes"]]
    print_table(["NODE", "KIND", "PROCEDURE", "NEXT"], rows)
    return 0


def _next(node: Document) -> str:
    config = node.get("config") or {}
    ways = [
        node.get("next"),
        config.get("trueBranch"),
        config.get("falseBranch"),
        *config.get("branches", ()),
    ]
    ways += [case.get("next") for case in config.get("cases", ())] + [config.get("default")]
    return ", ".join(str(way) for way in ways if isinstance(way, str | list) and way)


def _validate(options: Namespace) -> int:
    found = problems(json_file(options.file))
    if options.json:
        print_json({"valid": not found, "errors": [_problem(one) for one in found]})
    elif not found:
        print(f"{options.file} is valid")
    else:
        _tell(found)
    return 1 if found else 0


def _import(options: Namespace) -> int:
    document = json_file(options.file)
    try:
        version = library.publish(document)
    except InvalidDefinition as error:
        if options.json:
            print_json({"valid": False, "errors": [_problem(one) for one in error.problems]})
        else:
            _tell(error.problems)
        return 1
    if options.json:
        print_json({"id": version.definition_id, "workflowVersion": version.number})
    else:
        print(f"{version.definition_id} is v{version.number}")
    return 0


def _tell(found: Iterable[Problem]) -> None:
    for one in found:
        print(one)


def _problem(problem: Problem) -> Document:
    return {"detail": problem.detail, "pointer": problem.pointer}


WORKFLOWS = Subcommand(
    "workflows", "list, show, validate, import, diff and migrate workflows", add_arguments, run
)
