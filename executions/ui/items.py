"""The items of a map, the rounds of a loop, the tasks of a dag: counted, drawn as a grid, the worst first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from executions.models import Execution, NodeRun
from executions.states import NodeStatus
from executions.ui.tape import summary
from executions.ui.vocabulary import UNREACHED, WORST_FIRST, worst

REPEATING = ("map", "loop", "dag")
PAGE = 25
COLUMNS = 50
MOST_CELLS = 1000
CELL = 10
"""Units of the drawing: a cell with its gap."""

ORDER = {status: place for place, status in enumerate((*WORST_FIRST, UNREACHED))}


@dataclass(frozen=True, slots=True)
class Item:
    """One item, and the run that its line has come to."""

    number: int
    status: str
    index: int
    node_id: str
    task: str = ""
    error: str = ""
    wait_reason: str = ""


@dataclass(frozen=True, slots=True)
class Items:
    kind: str
    statuses: list[str]
    """Of every item, in order; those that have not begun are ``unreached``."""
    page: list[Item]
    following: int | None
    """Where the next page starts; None at the end."""

    @property
    def counts(self) -> list[tuple[str, int]]:
        return sorted(Counter(self.statuses).items(), key=lambda counted: ORDER[counted[0]])

    @property
    def done(self) -> int:
        return sum(status == NodeStatus.COMPLETED for status in self.statuses)

    @property
    def noun(self) -> str:
        return {"loop": "round", "dag": "task"}.get(self.kind, "item")

    @property
    def per_cell(self) -> int:
        return -(-len(self.statuses) // MOST_CELLS) or 1

    def drawn(self) -> SafeString:
        return draw(self.statuses, self.per_cell)


def items(
    execution: Execution, run: NodeRun, node: dict[str, Any], status: str = "", first: int = 0
) -> Items | None:
    """Failed ones first, then what is under way; of one ``status`` only where it is given."""
    if run.kind not in REPEATING:
        return None
    lines = NodeRun.objects.filter(execution=execution, scope=run.index, branch__gte=0)
    last = lines.order_by("branch", "-index").distinct("branch")
    fields = ("branch", "status", "index", "node_id")
    found = {row[0]: Item(row[0], *row[1:]) for row in last.values_list(*fields) if row[0] is not None}
    total = max(_total(run, node), max(found, default=-1) + 1)
    known = [item for item in found.values() if not status or item.status == status]
    known.sort(key=lambda item: (ORDER.get(item.status, 0), item.number))
    statuses = [found[number].status if number in found else UNREACHED for number in range(total)]
    page = known[first : first + PAGE]
    following = first + PAGE if len(known) > first + PAGE else None
    return Items(run.kind, statuses, _whole(execution, page, node), following)


def draw(statuses: Sequence[str], per_cell: int = 1) -> SafeString:
    """A cell for each item, or for ``per_cell`` of them, of which the worst speaks."""
    cells = [worst_of(statuses[at : at + per_cell]) for at in range(0, len(statuses), per_cell)]
    width, height = min(len(cells), COLUMNS) * CELL, -(-len(cells) // COLUMNS) * CELL
    paths = format_html_join("", '<path data-status="{}" d="{}"/>', _paths(cells))
    said = summary([status for status in statuses if status != UNREACHED], len(statuses))
    return format_html(
        '<svg class="cells" width="{0}" height="{1}" viewBox="0 0 {0} {1}" role="img" aria-label="{2}">'
        "{3}</svg>",
        width,
        height,
        said,
        paths,
    )


def worst_of(statuses: Sequence[str]) -> str:
    """Of a cell: as of a tape's segment, but that it has not begun where nothing in it has."""
    reached = [status for status in statuses if status != UNREACHED]
    return worst(reached) if reached else UNREACHED


def _paths(cells: Sequence[str]) -> list[tuple[str, str]]:
    """One path for neighbours of one status, so that ten thousand items are few elements."""
    found = []
    for status, run in groupby(enumerate(cells), key=lambda cell: cell[1]):
        squares = (
            f"M{at % COLUMNS * CELL} {at // COLUMNS * CELL}h{CELL - 2}v{CELL - 2}h-{CELL - 2}z"
            for at, _ in run
        )
        found.append((status, "".join(squares)))
    return found


def _total(run: NodeRun, node: dict[str, Any]) -> int:
    """How many there are altogether, where that is known."""
    if run.kind == "dag":
        return len(node.get("config", {}).get("tasks", ()))
    given = run.input.get("items") if isinstance(run.input, dict) else None
    return len(given) if isinstance(given, list) else 0


def _whole(execution: Execution, page: list[Item], node: dict[str, Any]) -> list[Item]:
    """With what each of them tells."""
    fields = ("index", "error", "wait_reason")
    runs = NodeRun.objects.filter(execution=execution, index__in=[item.index for item in page])
    told = {index: ((error or {}).get("message", ""), why) for index, error, why in runs.values_list(*fields)}
    tasks = node.get("config", {}).get("tasks", ())
    names = [task.get("node", "") if isinstance(task, dict) else str(task) for task in tasks]
    return [
        Item(
            item.number,
            item.status,
            item.index,
            item.node_id,
            names[item.number] if item.number < len(names) else "",
            *told.get(item.index, ("", "")),
        )
        for item in page
    ]
