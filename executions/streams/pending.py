"""Ids gathered between two looks."""

from __future__ import annotations

import threading
from collections.abc import Callable

from executions.notifications import Ids


class Pending:
    """What notifications have named since the last ``take``; ``ring`` is called when the first comes in."""

    def __init__(self, ring: Callable[[], None], wants: Callable[[str], bool] = lambda _: True) -> None:
        self._ring, self._wants = ring, wants
        self._lock = threading.Lock()
        self._ids: set[str] = set()
        self._everything = False

    def add(self, ids: Ids) -> None:
        """From any thread."""
        wanted = None if ids is None else [id_ for id_ in ids if self._wants(id_)]
        if wanted is not None and not wanted:
            return
        with self._lock:
            first = not (self._ids or self._everything)
            self._everything = self._everything or wanted is None
            self._ids.update(wanted or ())
        if first:
            self._ring()

    def take(self) -> Ids:
        """The ids, or None for everything."""
        with self._lock:
            ids, everything = frozenset(self._ids), self._everything
            self._ids.clear()
            self._everything = False
        return None if everything else ids
