"""System checks: what is wrong with the workflows that the apps define in Python."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, register

from workflows.builder import Workflow
from workflows.discovery import Found, found
from workflows.errors import Problem
from workflows.validation import problems

_NODE = re.compile(r"/nodes/(\d+)")


@register("c4c")
def check_workflows(app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[CheckMessage]:
    return [*_duplicates(), *_invalid()]


def _duplicates() -> Iterator[CheckMessage]:
    first: dict[str, Found] = {}
    for one in found():
        earlier = first.setdefault(one.workflow.id, one)
        if earlier is not one:
            yield Error(
                f"{one.place}: there is already a workflow {one.workflow.id!r}, at {earlier.place}.",
                hint="Give one of them another id.",
                id="c4c.E202",
            )


def _invalid() -> Iterator[CheckMessage]:
    for one in found():
        for problem in problems(one.workflow.definition()):
            place = _place(one.workflow, problem)
            yield Error(f"{place}: workflow {one.workflow.id!r}: {problem}.", id="c4c.E201")


def _place(workflow: Workflow, problem: Problem) -> str:
    """The line of the node that the problem is in, else the workflow's."""
    node = _NODE.match(problem.pointer)
    return workflow.nodes[int(node[1])].place if node else workflow.place
