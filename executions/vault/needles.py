"""Looking for many texts in another one: thousands of secrets must not make each row slow."""

from __future__ import annotations

from typing import AnyStr, Generic

SHORTEST = 4
"""Characters: what is shorter is masked in its own field only, as it would be found everywhere."""
PER_NEEDLE, PER_NEEDLE_AND_CHARACTER, PER_CHARACTER = 80, 0.03, 60
"""Nanoseconds: of a search of its own, and of taking the text apart."""


class Needles(Generic[AnyStr]):
    """All are at least ``SHORTEST`` long. Where they are many, only those are searched for of which some
    characters from the middle are there: beginnings are often the same (``sk_live_…``, ``eyJhbGci…``)."""

    __slots__ = ("_all", "_by_core", "_by_head", "_longest", "_starts")

    def __init__(self) -> None:
        self._all: dict[AnyStr, None] = {}
        self._by_core: dict[AnyStr, list[AnyStr]] = {}
        self._by_head: dict[AnyStr, list[AnyStr]] = {}
        self._starts: set[AnyStr] = set()
        """What one may begin with, up to what is in ``_by_head``."""
        self._longest = 0

    def add(self, needle: AnyStr) -> None:
        if needle not in self._all:
            middle = (len(needle) - SHORTEST) // 2
            self._by_core.setdefault(needle[middle : middle + SHORTEST], []).append(needle)
            self._by_head.setdefault(needle[:SHORTEST], []).append(needle)
            self._starts.update(needle[:length] for length in range(1, SHORTEST))
            self._longest = max(self._longest, len(needle))
            self._all[needle] = None

    def found_in(self, hay: AnyStr) -> list[AnyStr]:
        return [needle for needle in self._candidates(hay) if needle in hay]

    def begun_at_the_end_of(self, hay: AnyStr, least: int = 1) -> int:
        """How many characters of one are at the end, where the rest may follow or was cut off; 0: none."""
        for length in range(min(self._longest - 1, len(hay)), least - 1, -1):
            if self._begins(hay[len(hay) - length :]):
                return length
        return 0

    def _begins(self, end: AnyStr) -> bool:
        if len(end) < SHORTEST:
            return end in self._starts
        known = self._by_head.get(end[:SHORTEST], ())
        return any(len(needle) > len(end) and needle.startswith(end) for needle in known)

    def _candidates(self, hay: AnyStr) -> list[AnyStr]:
        apart = len(hay) * PER_CHARACTER
        if len(self._all) * (PER_NEEDLE + len(hay) * PER_NEEDLE_AND_CHARACTER) <= apart:
            return list(self._all)
        cores = {hay[at : at + SHORTEST] for at in range(len(hay) - SHORTEST + 1)}
        return [needle for core in cores if core in self._by_core for needle in self._by_core[core]]
