"""``c4c exec``: run a workflow, or one procedure, here and now, and tell how it went."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from contextlib import redirect_stdout
from typing import Any

from executions import operations, queries
from executions.cli.driving import drive
from executions.cli.frame import Subcommand, unknown, usage_error
from executions.cli.person import person
from executions.cli.printing import print_json, told_duration
from executions.cli.procedure import call_once
from executions.cli.progress import Silence, progress
from executions.cli.reading import json_file, json_text, seconds
from executions.cli.serve import refuse_stale_database, tell_broken
from executions.errors import InvalidInput
from executions.models import Execution
from executions.states import ExecutionStatus
from procedures import registry
from workflows import library
from workflows.models import Workflow

EXIT_CODES = {
    ExecutionStatus.COMPLETED: 0,
    ExecutionStatus.FAILED: 1,
    ExecutionStatus.CANCELLED: 3,
    ExecutionStatus.TIMED_OUT: 4,
}


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="a procedure, or a workflow's id or name")
    parser.add_argument("--workflow", metavar="ID", help="a workflow's id or name")
    parser.add_argument("-i", "--input", metavar="JSON", help="the input, an object")
    parser.add_argument(
        "-f", "--input-file", metavar="FILE", help="the input from a file, - for standard input"
    )
    parser.add_argument("--timeout", type=seconds, metavar="SECONDS", help="the execution's deadline")
    parser.add_argument(
        "--json", action="store_true", help="print the result as one JSON document, nothing else"
    )


def run(options: Namespace) -> int:
    """The exit code tells the outcome: 0 completed, 1 failed, 2 usage, 3 cancelled, 4 timed out."""
    if bool(options.name) == bool(options.workflow):
        raise usage_error("say what to run: exec NAME, or exec --workflow ID")
    given = _input(options)
    if options.name and options.name in registry:
        return call_once(registry.get(options.name), given, as_json=options.json)
    refuse_stale_database()
    tell_broken(library.sync())
    workflow_id = _workflow_id(options.workflow or options.name, procedures=bool(options.name))
    return _run_workflow(workflow_id, given, options)


def _input(options: Namespace) -> dict[str, Any]:
    if options.input is not None and options.input_file is not None:
        raise usage_error("give the input once: --input or --input-file")
    if options.input_file is not None:
        given = json_file(options.input_file)
    else:
        given = {} if options.input is None else json_text(options.input, "--input")
    if not isinstance(given, dict):
        raise usage_error("the input must be a JSON object")
    return given


def _workflow_id(name: str, *, procedures: bool) -> str:
    known = dict(Workflow.objects.values_list("id", "name"))
    if name in known:
        return name
    named = sorted(id for id, title in known.items() if title == name)
    if len(named) == 1:
        return named[0]
    if named:
        raise usage_error(f'several workflows are named "{name}": {", ".join(named)}')
    callable_too = [procedure.name for procedure in registry.all()] if procedures else []
    raise unknown("workflow or procedure" if procedures else "workflow", name, [*known, *callable_too])


def _run_workflow(workflow_id: str, given: dict[str, Any], options: Namespace) -> int:
    execution = _start(workflow_id, given, options)
    if options.json:
        # What procedures print would end up inside the document.
        with redirect_stdout(sys.stderr):
            drive(execution.id, Silence(), cancel=_cancel)
    else:
        print(f"{execution.id}  {execution.workflow_name}")
        drive(execution.id, progress(), cancel=_cancel)
    result = queries.result_document(execution.id, stack=True)
    (print_json if options.json else _print_result)(result)
    return EXIT_CODES[ExecutionStatus(result["status"])]


def _start(workflow_id: str, given: dict[str, Any], options: Namespace) -> Execution:
    try:
        return operations.start(workflow_id, input=given, timeout=options.timeout)
    except InvalidInput as error:
        told = "; ".join(f"{problem['pointer'] or '/'}: {problem['detail']}" for problem in error.problems)
        raise usage_error(f"{workflow_id}: {told}") from None


def _cancel(execution_id: str) -> None:
    operations.cancel(execution_id, reason="interrupted at the terminal", actor=person())


def _print_result(result: dict[str, Any]) -> None:
    nodes = len(result["nodesExecuted"])
    spent = told_duration(result["executionTime"])
    print(f"{result['status'].replace('_', ' ')} in {spent}, {nodes} {'node' if nodes == 1 else 'nodes'}")
    print_json(result["outputs"])
    if "error" in result:
        error = result["error"]
        place = f" (node {error['nodeId']})" if error.get("nodeId") else ""
        sys.stderr.write(f"c4c: {error.get('name', 'Error')}: {error.get('message', '')}{place}\n")


EXEC = Subcommand("exec", "run a workflow or a procedure, here and now", add_arguments, run)
