"""Definitions that have been parsed, by content. Bounded by nodes, for one may have ten thousand."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

from workflows.structure import Definition

NODES = 50_000
"""About 100 MB at the very most."""


class DefinitionCache:
    """The least recently used go first. Two threads may parse the same content; either result will do."""

    def __init__(self) -> None:
        self._found: OrderedDict[str, Definition] = OrderedDict()
        self._nodes = 0
        self._lock = Lock()

    def get(self, content_hash: str, parse: Callable[[], Definition]) -> Definition:
        with self._lock:
            found = self._found.get(content_hash)
            if found is not None:
                self._found.move_to_end(content_hash)
                return found
        parsed = parse()
        with self._lock:
            self._keep(content_hash, parsed)
        return parsed

    def _keep(self, content_hash: str, parsed: Definition) -> None:
        if content_hash in self._found:
            return
        self._found[content_hash] = parsed
        self._nodes += len(parsed.nodes)
        while self._nodes > NODES and len(self._found) > 1:
            _, oldest = self._found.popitem(last=False)
            self._nodes -= len(oldest.nodes)
