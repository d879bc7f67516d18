"""What the list's URL says: which executions, which page, and the links that change one thing of it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import QueryDict

from executions.states import ACTIVE, ExecutionStatus, NodeStatus

NAMES = ("status", "retrying", "workflowId", "tag", "trigger", "parent", "q", "since", "until")
STATUS_NAMES = ("status", "retrying")
STREAMED = ("status", "workflowId", "tag")

GROUPS = {
    "All": (),
    "Active": tuple(sorted(ACTIVE)),
    "Waiting": (ExecutionStatus.PAUSED, ExecutionStatus.WAITING),
    "Retrying": (NodeStatus.RETRYING,),
    "Failed": (ExecutionStatus.FAILED, ExecutionStatus.TIMED_OUT),
    "Done": (ExecutionStatus.CANCELLED, ExecutionStatus.COMPLETED),
}
"""The tabs, and the statuses that each shows."""

Pairs = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Chip:
    """One filter in force, and where the list is without it."""

    name: str
    value: str
    without: str


@dataclass(frozen=True, slots=True)
class Address:
    """The list's URL, read."""

    pairs: Pairs
    cursor: str
    trail: list[str]

    @classmethod
    def of(cls, query: QueryDict) -> Address:
        pairs = [(name, value) for name in NAMES for value in query.getlist(name) if value]
        return cls(pairs, query.get("cursor") or "", query.getlist("trail")[-50:])

    @property
    def is_first_page(self) -> bool:
        return not self.cursor

    @property
    def is_filtered(self) -> bool:
        return bool(self.pairs)

    def values(self, name: str) -> list[str]:
        return [value for known, value in self.pairs if known == name]

    @property
    def statuses(self) -> list[str]:
        """As the tabs name them."""
        return [NodeStatus.RETRYING] if self.values("retrying") else self.values("status")

    @property
    def hidden(self) -> Pairs:
        """What the filter form carries along unseen."""
        return [pair for pair in self.pairs if pair[0] in STATUS_NAMES]

    @property
    def workflows(self) -> list[str]:
        return self.values("workflowId")

    @property
    def q(self) -> str:
        return "".join(self.values("q")[:1])

    @property
    def tag(self) -> str:
        return "".join(self.values("tag")[:1])

    @property
    def first(self) -> str:
        return _url(self.pairs)

    @property
    def newer(self) -> str:
        """The page that led here."""
        *trail, last = self.trail or [""]
        return _url([*self.pairs, *([("cursor", last)] if last else []), *(("trail", at) for at in trail)])

    def older(self, following: str | None) -> str:
        if not following:
            return ""
        trail = [*self.trail, self.cursor] if self.cursor else self.trail
        return _url([*self.pairs, ("cursor", following), *(("trail", at) for at in trail)])

    @property
    def chips(self) -> list[Chip]:
        return [
            Chip(name, value, _url([pair for pair in self.pairs if pair != (name, value)]))
            for name, value in self.pairs
            if name not in STATUS_NAMES
        ]

    def tabs(self) -> list[tuple[str, str, bool]]:
        """``(name, url, is current)``."""
        others = [pair for pair in self.pairs if pair[0] not in STATUS_NAMES]
        chosen = tuple(sorted(self.statuses))
        return [
            (name, _url([*others, *map(_status_pair, statuses)]), chosen == statuses)
            for name, statuses in GROUPS.items()
        ]

    @property
    def stream_query(self) -> str:
        wanted = [pair for pair in self.pairs if pair[0] in STREAMED]
        return urlencode([*wanted, ("events", "executions.update")])

    def shows(self, *statuses: str) -> bool:
        """Whether a row still belongs to the list; a retrying one is a waiting one too."""
        wanted = self.statuses
        refused = [value[1:] for value in wanted if value.startswith("!")]
        asked = [value for value in wanted if not value.startswith("!")]
        return not set(statuses) & set(refused) and (not asked or bool(set(statuses) & set(asked)))


def _status_pair(status: str) -> tuple[str, str]:
    return ("retrying", "1") if status == NodeStatus.RETRYING else ("status", status)


def _url(pairs: Pairs) -> str:
    return f"?{urlencode(pairs)}"
