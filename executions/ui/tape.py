"""The tape: a strip with a segment per node run, the signature of every row and of the detail page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from executions.states import NodeStatus
from executions.ui.vocabulary import WORST_FIRST, word, worst


@dataclass(frozen=True, slots=True)
class Segment:
    status: str
    x: float
    width: float


def segments(statuses: Sequence[str], total: int = 0, most: int = 24) -> list[Segment]:
    """Where each segment lies, in percent. More than ``most`` runs are binned, the worst status speaking.

    ``total``: how many runs there will be where that is known; what is not reached yet stays empty track.
    """
    length = max(len(statuses), total)
    size = -(-length // most) if length > most else 1
    bins = [statuses[start : start + size] for start in range(0, len(statuses), size)]
    width = 100 / (-(-length // size) or 1)
    return [Segment(worst(part), round(place * width, 2), round(width, 2)) for place, part in enumerate(bins)]


def summary(statuses: Sequence[str], total: int = 0) -> str:
    """The tape in words: ``7 of 10 done, 1 running, 1 failed``."""
    counts = Counter(statuses)
    done = counts.pop(NodeStatus.COMPLETED, 0)
    said = [f"{done} of {max(len(statuses), total)} done"]
    said += [f"{counts[status]} {word(status).lower()}" for status in WORST_FIRST if counts[status]]
    return ", ".join(said)


def draw(statuses: Sequence[str], total: int = 0, most: int = 24) -> SafeString:
    """As SVG. Shape tells the status too: failed is taller, waiting hatched, running open to the right."""
    drawn = format_html_join(
        "", '<rect data-status="{}" x="{}%" width="{}%"/>', _shapes(segments(statuses, total, most))
    )
    return format_html(
        '<svg class="tape" role="img" aria-label="{}"><rect class="track" width="100%"/>{}</svg>',
        summary(statuses, total),
        drawn,
    )


def _shapes(found: list[Segment]) -> list[tuple[str, float, float]]:
    return [(segment.status, segment.x, segment.width) for segment in found]
