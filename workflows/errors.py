"""What can be wrong with a definition, and with asking for one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches


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
    """No workflow of that id, or no version of that number; ``nearest`` are the ids most like it."""

    def __init__(self, workflow_id: str, known: Iterable[str] = (), number: int | None = None) -> None:
        self.workflow_id = workflow_id
        self.nearest = nearest(workflow_id, known)
        what = f"workflow {workflow_id!r}" + ("" if number is None else f" version {number}")
        super().__init__(f"{what} not found{suggestion(self.nearest)}")


def nearest(name: str, known: Iterable[str]) -> list[str]:
    return get_close_matches(name[:200], [candidate[:200] for candidate in known], n=3, cutoff=0.6)


def suggestion(names: Sequence[str]) -> str:
    return f"; did you mean {' or '.join(names)}?" if names else ""
