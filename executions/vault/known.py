"""What an execution knows to be secret, and the masking of it wherever it turns up."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

import orjson

from executions.vault.needles import SHORTEST, Needles

MASK = "***"
SHORTEST_LINE = 8
"""Of a secret of several lines, such as a private key, each line is looked for as well."""
LONGEST_SPELT = 10_000
"""Characters: what is longer is looked for as it is, and as JSON."""
PERHAPS_CUT = 200
"""Characters from which on a text may have been cut, in the middle of a secret."""


class Secrets:
    """The texts that must not be seen. It only grows; a thread may ask while the loop adds."""

    __slots__ = ("_encoded", "_spellings", "_texts")

    def __init__(self) -> None:
        self._texts: dict[str, None] = {}
        self._spellings: Needles[str] | None = None
        self._encoded: Needles[bytes] | None = None

    def __bool__(self) -> bool:
        return self._encoded is not None

    def learn(self, value: Any) -> None:
        """All that the value holds: texts of ``SHORTEST`` characters, and numbers of as many digits."""
        for text in _texts(value):
            if text not in self._texts:
                self._texts[text] = None
                self._learn_text(text)

    def texts(self) -> list[str]:
        """As they were learnt: to be told to a process of one's own."""
        return list(self._texts)

    def are_in(self, encoded: bytes) -> bool:
        """Whether JSON text holds one of them."""
        return self._encoded is not None and bool(self._encoded.found_in(encoded))

    def found_in_json(self, encoded: bytes) -> list[str]:
        """Which of them JSON text holds."""
        found = [] if self._encoded is None else self._encoded.found_in(encoded)
        return [orjson.loads(b'"' + known + b'"') for known in found]

    def found_in(self, text: str) -> list[str]:
        """The longest first."""
        return (
            [] if self._spellings is None else sorted(self._spellings.found_in(text), key=len, reverse=True)
        )

    def masked_text(self, text: str) -> str:
        for known in self.found_in(text):
            text = text.replace(known, MASK)
        if len(text) < PERHAPS_CUT or self._spellings is None:
            return text
        cut = self._spellings.begun_at_the_end_of(text, SHORTEST)
        return text[: len(text) - cut] + MASK if cut else text

    def begun_in(self, text: str) -> int:
        """How many characters at its end may be the beginning of one of them."""
        return 0 if self._spellings is None else self._spellings.begun_at_the_end_of(text)

    def _learn_text(self, text: str) -> None:
        spellings, encoded = self._spellings or Needles[str](), self._encoded or Needles[bytes]()
        for spelling in _spellings(text):
            spellings.add(spelling)
            encoded.add(orjson.dumps(spelling)[1:-1])
        self._spellings, self._encoded = spellings, encoded

    def masked(self, value: Any) -> Any:
        """A copy of plain data, its keys too, in which none of them can be seen."""
        match value:
            case str():
                return self.masked_text(value)
            case bool() | None:
                return value
            case int() | float():
                return MASK if str(value) in self._texts else value
            case Mapping():
                return {self.masked_text(str(key)): self.masked(item) for key, item in value.items()}
            case list() | tuple():
                return [self.masked(item) for item in value]
        return value


def _texts(value: Any) -> Iterator[str]:
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, Mapping):
            pending.extend(item.values())
        elif isinstance(item, list | tuple):
            pending.extend(item)
        elif isinstance(item, str | int | float) and not isinstance(item, bool):
            text = str(item)
            if len(text) >= SHORTEST and text != MASK:
                yield text


def _spellings(text: str) -> Iterator[str]:
    """The text, and how it is commonly written inside others."""
    yield text
    yield orjson.dumps(text)[1:-1].decode()
    if len(text) > LONGEST_SPELT:
        return
    yield json.dumps(text)[1:-1]
    yield repr(text)[1:-1]
    yield quote(text, safe="")
    yield quote_plus(text)
    yield from _base64(text.encode())
    lines = text.splitlines()
    yield from (line for line in lines if len(lines) > 1 and len(line) >= SHORTEST_LINE)


def _base64(raw: bytes) -> Iterator[str]:
    """Without the last characters, which depend on what follows it."""
    whole = len(raw) // 3 * 4
    if whole >= SHORTEST:
        yield base64.b64encode(raw)[:whole].decode()
        yield base64.urlsafe_b64encode(raw)[:whole].decode()
