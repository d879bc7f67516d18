"""``c4c signal``, ``emit``, ``terminate``, ``rerun``: words for executions, and new ones from them."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from django.core.management.base import CommandError

from executions import operations
from executions.cli.frame import Subcommand, usage_error
from executions.cli.person import person
from executions.cli.printing import json_option, print_json
from executions.cli.reading import json_file, json_text, positive
from executions.cli.serve import refuse_stale_database
from executions.errors import ExecutionError, InvalidInput
from executions.models import Execution
from workflows.errors import InvalidDefinition, WorkflowNotFound


def add_signal(parser: ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID")
    parser.add_argument("name", metavar="NAME", help="the signal's")
    payload_option(parser)
    json_option(parser)


def signal(options: Namespace) -> int:
    refuse_stale_database()
    with told_refusals():
        told = operations.signal(options.id, options.name, payload_of(options), actor=person())
    return _tell(options, told, f"{options.name} is in the inbox of {told.pk}")


def add_terminate(parser: ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID")
    parser.add_argument("--reason", default="", metavar="TEXT")
    json_option(parser)


def terminate(options: Namespace) -> int:
    refuse_stale_database()
    with told_refusals():
        told = operations.terminate(options.id, reason=options.reason, actor=person())
    return _tell(options, told, f"{told.pk} is told to end now")


def add_rerun(parser: ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID")
    parser.add_argument(
        "--from-node", metavar="NODE", help="adopt what came before it; what followed runs anew"
    )
    parser.add_argument("-i", "--input", metavar="JSON", help="another input, an object")
    parser.add_argument("-f", "--input-file", metavar="FILE", help="from a file, - for standard input")
    parser.add_argument("--version", metavar="N", default="original", help="a number, or latest")
    json_option(parser)


def rerun(options: Namespace) -> int:
    refuse_stale_database()
    version = options.version if options.version in ("original", "latest") else _number(options.version)
    given = _input(options)
    with told_refusals():
        made = operations.rerun(
            options.id, input=given, from_node=options.from_node, version=version, actor=person()
        )
    return _tell(options, made, f"goes on as {made.pk}")


def add_emit(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the event's")
    parser.add_argument("--key", default="", metavar="KEY", help="for whom it is")
    payload_option(parser)
    json_option(parser)


def emit(options: Namespace) -> int:
    refuse_stale_database()
    with told_refusals():
        emitted = operations.emit(options.name, payload_of(options), options.key)
    if options.json:
        print_json({"eventId": emitted.pk, "name": emitted.name, "key": emitted.key})
    else:
        print(f"{emitted} is emitted")
    return 0


def payload_option(parser: ArgumentParser) -> None:
    parser.add_argument("-p", "--payload", metavar="JSON", help="what comes along, any JSON")


def payload_of(options: Namespace) -> Any:
    return None if options.payload is None else json_text(options.payload, "--payload")


class told_refusals:  # noqa: N801 - reads as what it does
    """What a verb refuses, in one line: what was said wrongly is a usage error."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, InvalidInput):
            told = "; ".join(f"{one['pointer'] or '/'}: {one['detail']}" for one in error.problems)
            raise usage_error(told) from None
        if isinstance(error, WorkflowNotFound):
            raise usage_error(str(error)) from None
        if isinstance(error, ExecutionError | InvalidDefinition):
            raise CommandError(str(error)) from None


def _input(options: Namespace) -> dict[str, Any] | None:
    if options.input is not None and options.input_file is not None:
        raise usage_error("give the input once: --input or --input-file")
    if options.input is None and options.input_file is None:
        return None
    given = json_text(options.input, "--input") if options.input else json_file(options.input_file)
    if not isinstance(given, dict):
        raise usage_error("the input must be a JSON object")
    return given


def _number(text: str) -> int:
    try:
        return positive(text)
    except Exception:
        raise usage_error(f"--version must be a number, latest or original, not {text!r}") from None


def _tell(options: Namespace, execution: Execution, line: str) -> int:
    if options.json:
        print_json({"executionId": execution.pk, "status": str(execution.status)})
    else:
        print(line)
    return 0


SIGNAL = Subcommand("signal", "tell an execution something that it waits for", add_signal, signal)
TERMINATE = Subcommand("terminate", "end an execution now, undoing nothing", add_terminate, terminate)
RERUN = Subcommand("rerun", "a new execution from the start, or from a node", add_rerun, rerun)
EMIT = Subcommand("emit", "tell an event to all that wait for it", add_emit, emit)
