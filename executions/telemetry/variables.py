"""What a condition had before it: the variables, read off the rows. They are never stored as such."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from executions.models import Execution, NodeRun
from executions.states import NodeStatus
from executions.vault.stored import Elsewhere

Variables = dict[str, Any]
Lines = dict[tuple[int | None, int | None], list[NodeRun]]


def variables_of_conditions(execution: Execution, runs: Iterable[NodeRun]) -> dict[int, Variables]:
    """By the index of each condition's run. ``runs`` are by index.

    Outputs of procedures are merged along each line of control; a branch works on a copy, and what it
    added is merged where its scope is joined.
    """
    lines: Lines = {}
    found: dict[int, Variables] = {}
    for run in runs:
        lines.setdefault((run.scope, run.branch), []).append(run)
        if run.kind == "condition":
            found[run.index] = {}
    if found:
        given = _fields(execution.input)
        first = {**execution.version.definition.get("variables", {}), **given}
        _read_line(lines, (None, None), first, found)
    return found


def _read_line(
    lines: Lines, line: tuple[int | None, int | None], variables: Variables, found: dict[int, Variables]
) -> Variables:
    """What the line adds to ``variables``, which are changed on the way."""
    added: Variables = {}
    for run in lines.get(line, ()):
        if run.kind == "condition":
            found[run.index] = dict(variables)
        elif run.kind == "parallel":
            news = _read_branches(lines, run, variables, found)
            added |= news
            variables |= news
        else:
            news = _output(run)
            added |= news
            variables |= news
    return added


def _read_branches(
    lines: Lines, scope: NodeRun, variables: Variables, found: dict[int, Variables]
) -> Variables:
    joined: Variables = {}
    for line in sorted(key for key in lines if key[0] == scope.index):
        news = _read_line(lines, line, dict(variables), found)
        if lines[line][-1].status == NodeStatus.COMPLETED:
            joined |= news
    return joined if scope.status == NodeStatus.COMPLETED else {}


def _output(run: NodeRun) -> Variables:
    merged = run.kind == "procedure" and run.status == NodeStatus.COMPLETED
    return _fields(run.output) if merged else {}


def _fields(value: Any) -> Variables:
    """What lies in a file is left out: attributes have no room for it."""
    return value if isinstance(value, dict) and not isinstance(value, Elsewhere) else {}
