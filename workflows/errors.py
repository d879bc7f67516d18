"""What can be wrong with a definition, and with asking for one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from difflib import get_close_matches

COMPARISONS = 50_000
"""Of names, for the suggestions in one document: about a second."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong, and where: an RFC 6901 pointer into the document ("" is all of it)."""

    pointer: str
    detail: str

    def __str__(self) -> str:
        return f"{self.pointer or '/'}: {self.detail}"


class InvalidDefinition(ValueError):
    """The document is not a workflow; ``problems`` names everything that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        more = f" (and {len(self.problems) - 1} more)" if len(self.problems) > 1 else ""
        super().__init__(f"{self.problems[0]}{more}" if self.problems else "invalid definition")


class WorkflowNotFound(LookupError):
    """No workflow of that id, or no version of that number; ``nearest`` are the ids most like it.

    ``newest``: the number of its newest version, where there is such a workflow.
    """

    def __init__(
        self,
        workflow_id: str,
        known: Iterable[str] = (),
        number: int | None = None,
        newest: int | None = None,
    ) -> None:
        self.workflow_id = workflow_id
        self.nearest = [] if newest else nearest(workflow_id, known)
        if newest:
            super().__init__(f"workflow {workflow_id!r} has no version {number}; the newest is {newest}")
        else:
            super().__init__(f"workflow {workflow_id!r} not found{suggestion(self.nearest)}")


@contextmanager
def few_suggestions() -> Iterator[None]:
    """Within it ``nearest`` finds nothing once it has compared enough: a document may have ten thousand wrong
    names beside ten thousand right ones."""
    left = _comparisons_left.set([COMPARISONS])
    try:
        yield
    finally:
        _comparisons_left.reset(left)


def nearest(name: str, known: Iterable[str]) -> list[str]:
    left = _comparisons_left.get()
    if left is not None and left[0] <= 0:
        return []
    candidates = [candidate[:200] for candidate in known]
    if left is not None:
        left[0] -= len(candidates)
    return get_close_matches(name[:200], candidates, n=3, cutoff=0.6)


def suggestion(names: Sequence[str]) -> str:
    return f"; did you mean {' or '.join(names)}?" if names else ""


_comparisons_left: ContextVar[list[int] | None] = ContextVar("comparisons_left", default=None)
