"""``c4c workflows diff`` and ``migrate``: from one version of a workflow to another."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from executions import operations
from executions.cli.printing import json_option, print_json
from executions.cli.reading import positive
from executions.cli.words import told_refusals
from workflows import library
from workflows.difference import Change, Difference, difference


def add_diff(parser: ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID")
    parser.add_argument(
        "--from", dest="source", type=positive, metavar="N", help="the one before, by default"
    )
    parser.add_argument("--to", type=positive, metavar="N", help="the current one, by default")
    json_option(parser, nested=True)


def diff(options: Namespace) -> int:
    with told_refusals():
        to = options.to or library.current(options.id).number
        source = options.source or max(1, to - 1)
        old, new = (library.definition(library.version(options.id, each)) for each in (source, to))
    found = difference(old, new)
    if options.json:
        print_json({"from": source, "to": to, "difference": found.document()})
    elif not found:
        print(f"v{source} and v{to} are the same")
    else:
        _print_difference(found)
    return 0


def add_migrate(parser: ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID")
    parser.add_argument("ids", nargs="*", metavar="EXECUTION", help="these; all that rest, by default")
    parser.add_argument("--to", type=positive, required=True, metavar="N", help="the version to move to")
    parser.add_argument("--from", dest="source", type=positive, metavar="N", help="only of this version")
    parser.add_argument("--tag", action="append", metavar="TAG", help="only with one of these tags")
    parser.add_argument("--dry-run", action="store_true", help="only tell what would be moved")
    json_option(parser, nested=True)


def migrate(options: Namespace) -> int:
    """The exit code is 1 where some stay as they are."""
    whole = operations.Report()
    with told_refusals():
        while True:
            part = operations.migrate(options.id, options.to, **_asked(options), cursor=whole.cursor)
            whole.add(part)
            if whole.cursor is None:
                break
    if options.json:
        print_json(whole.document())
    else:
        _print_report(whole, dry_run=options.dry_run)
    return 1 if whole.blocked_count else 0


def _asked(options: Namespace) -> dict[str, Any]:
    return {
        "source": options.source,
        "ids": options.ids or None,
        "filter": {"tag": options.tag} if options.tag else None,
        "dry_run": options.dry_run,
    }


def _print_report(report: operations.Report, *, dry_run: bool) -> None:
    done = f"{report.compatible} would be moved" if dry_run else f"{report.migrated} moved"
    print(f"{done}, {report.blocked_count} stay as they are")
    for one in report.blocked:
        print(f"{one['executionId']}: {'; '.join(one['reasons'])}")


def _print_difference(found: Difference) -> None:
    for node_id in found.added:
        print(f"+ {node_id}")
    for node_id in found.removed:
        print(f"- {node_id}")
    for node_id, changes in found.changed.items():
        for change in changes:
            print(f"~ {node_id}{_told(change)}")
    for change in found.fields:
        print(f"~ {_told(change).lstrip('/')}")


def _told(change: Change) -> str:
    told = change.document()
    return f"{change.pointer}: {told.get('old', 'nothing')} → {told.get('new', 'nothing')}"
