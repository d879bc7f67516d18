"""What is new in the log of all executions."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from datetime import datetime
from itertools import islice

from executions.notifications import Ids
from executions.states import EventType
from executions.streams import log
from executions.streams.log import Entry, Head

MOST_GOING, MOST_ENDED = 50_000, 5_000
MOST_SWEPT = 1_000
AT_ONCE = 50
CROWD = 100
BRIEF = frozenset(type_ for type_ in EventType if type_.startswith("workflow."))


class Tail:
    """Reads on from the moment of its making: each execution's events in order, each once, none left out.

    It keeps a cursor per execution and none over all of them: a commit that comes late is late only for
    its own execution. Of executions that stand still it keeps only the newest. Needs a thread, not the loop.
    """

    def __init__(self) -> None:
        self._since: datetime | None = None
        self._going: OrderedDict[str, int] = OrderedDict()
        self._ended: OrderedDict[str, int] = OrderedDict()

    def start(self) -> None:
        """From now on; without it, from the first ``read``."""
        self._since = self._since or log.database_time()

    def read(self, ids: Ids) -> Iterator[tuple[Head, Entry]]:
        """What is new of ``ids``, or of whatever may have moved."""
        heads = self._heads(ids)
        behind = self._behind(heads)
        while behind:
            found = log.entries(dict(islice(behind.items(), AT_ONCE)))
            for execution_id in list(islice(behind, AT_ONCE)):
                entries, head = found.get(execution_id, []), heads[execution_id]
                yield from ((head, entry) for entry in entries)
                behind[execution_id] = self._note(head, entries[-1].seq if entries else head.last_seq)
            behind = {id_: seen for id_, seen in behind.items() if seen < heads[id_].last_seq}

    def brief(self, ids: Ids) -> list[tuple[Head, Entry]]:
        """As ``read``; in a crowd only what happened to executions as a whole, not to their nodes."""
        heads = self._heads(ids)
        behind = self._behind(heads)
        found = log.entries(behind, types=BRIEF if len(behind) > CROWD else None) if behind else {}
        for execution_id in behind:
            entries, head = found.get(execution_id), heads[execution_id]
            self._note(head, max(head.last_seq, entries[-1].seq) if entries else head.last_seq)
        return [(heads[id_], entry) for id_, entries in found.items() for entry in entries]

    def _heads(self, ids: Ids) -> dict[str, Head]:
        self.start()
        return (
            log.heads(ids) if ids is not None else log.moving() | log.heads(list(self._going)[-MOST_SWEPT:])
        )

    def _behind(self, heads: dict[str, Head]) -> dict[str, int]:
        """Cursors of those that have said more than was read."""
        self._meet([head for id_, head in heads.items() if self._seen(id_) is None])
        seen = {id_: self._seen(id_) or 0 for id_ in heads}
        return {id_: cursor for id_, cursor in seen.items() if cursor < heads[id_].last_seq}

    def _meet(self, strangers: list[Head]) -> None:
        assert self._since is not None
        older = [head for head in strangers if head.queued_at < self._since]
        spoken = log.before([head.execution_id for head in older], self._since) if older else {}
        for head in strangers:
            known = head.last_seq if head.queued_at < self._since else 0
            self._note(head, spoken.get(head.execution_id, known))

    def _seen(self, execution_id: str) -> int | None:
        return self._going.get(execution_id, self._ended.get(execution_id))

    def _note(self, head: Head, seq: int) -> int:
        over = head.status.is_terminal and seq >= head.last_seq
        kept, most = (self._ended, MOST_ENDED) if over else (self._going, MOST_GOING)
        self._going.pop(head.execution_id, None)
        kept[head.execution_id] = seq
        if len(kept) > most:
            kept.popitem(last=False)
        return seq
