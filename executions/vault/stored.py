"""How a value with secrets lies in a JSON column: each secret in an envelope of its own.

``{"$secret": "<token>"}`` stands for a secret; with ``"shown"`` for a text that has one in it. Data of users
that looks so gets one more ``$``, so nothing is ever taken for what it is not. A value above
``C4C["OFFLOAD_BYTES"]`` is ``{"$payload": …}``, which says where it lies (``executions.payloads``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import orjson

from executions.vault.keys import seal, unseal
from executions.vault.known import MASK, Secrets
from executions.vault.marks import Marks

SECRET, SHOWN, PAYLOAD = "$secret", "shown", "$payload"
_RESERVED = re.compile(r"\$+(secret|payload)")
_SIGN_OF_SECRET, _SIGN_OF_PAYLOAD = b'$secret"', b'$payload"'
_NONE = Secrets()


class Elsewhere(dict[str, Any]):
    """What is shown of a value that lies in a file: ``{bytes, sha256}``."""


class Encoded(NamedTuple):
    """JSON text: as it is stored, and as it is shown."""

    stored: bytes
    shown: bytes


class Damaged(Exception):
    """A value that lies elsewhere and is not to be had."""


class Stored:
    """What a column has where that is not simply the value. ``fetched`` is what lies elsewhere, once it was
    fetched: the same content as a column's, or ``Damaged``."""

    __slots__ = ("content", "fetched")

    def __init__(self, content: Any) -> None:
        self.content = content
        self.fetched: Any = None

    @property
    def reference(self) -> dict[str, Any] | None:
        """Where the value lies, if not here."""
        return reference_in(self.content)

    @property
    def encoded(self) -> Encoded:
        """To be stored again as it is."""
        elsewhere = self.reference is not None
        return Encoded(orjson.dumps(self.content), b"" if elsewhere else orjson.dumps(shown(self.content)))


def encode_marked(value: Any, secrets: Secrets, marked: Marks) -> Encoded:
    """For a column: what a schema marks is sealed, and known from now on."""
    if isinstance(value, Mapping):
        fields = marked.of(value)
        secrets.learn([value[name] for name in fields])
        return encode(value, secrets, fields)
    if not marked.whole or value is None:
        return encode(value, secrets)
    secrets.learn(value)
    sealed = _envelope(value)
    return Encoded(orjson.dumps(sealed), orjson.dumps(shown(sealed)))


def encode(value: Any, secrets: Secrets, fields: Collection[str] = ()) -> Encoded:
    """For a column. ``fields`` of an object are secret whole; known secrets are sealed wherever they are.

    Raises ``TypeError`` where the value is not JSON.
    """
    plain = orjson.dumps(value)
    if not (fields or is_special(plain) or (secrets and secrets.are_in(plain))):
        return Encoded(plain, plain)
    sealed = _sealed(value, secrets, fields)
    return Encoded(orjson.dumps(sealed), orjson.dumps(shown(sealed)))


def column(value: Any, secrets: Secrets) -> Any:
    """For a row that is to be written as JSON."""
    if value is None:
        return None
    plain = orjson.dumps(value)
    if is_special(plain) or secrets.are_in(plain):
        plain = encode(value, secrets).stored
    return orjson.Fragment(plain)


def escaped(value: Any, secrets: Secrets | None = None) -> Any:
    """Plain data as it is stored, with what is known to be secret sealed."""
    known = _NONE if secrets is None else secrets
    try:
        plain = orjson.dumps(value, default=str)
    except TypeError:  # such as an integer that only Python's own JSON has
        return _sealed(value, known)
    return _sealed(value, known) if is_special(plain) or known.are_in(plain) else value


def read(text: str | bytes | None) -> Any:
    """From a column's JSON text: the value, or ``Stored`` where it has to be opened first."""
    if text is None:
        return None
    raw = text.encode() if isinstance(text, str) else text
    value = orjson.loads(raw)
    return Stored(value) if is_special(raw) else value


def opened(value: Any, secrets: Secrets) -> Any:
    """What ``read`` answered, for who goes on with it; ``secrets`` learns what was sealed.

    Raises ``Unreadable``, and ``Damaged``.
    """
    if not isinstance(value, Stored):
        return value
    content = value.content if value.reference is None else value.fetched
    if isinstance(content, Damaged):
        raise content
    return _walk(content, _opener(secrets))


def opened_word(payload: Any, secrets: Secrets) -> Any:
    """A command's payload, as its column has it."""
    return _walk(payload, _opener(secrets))


def shown(content: Any) -> Any:
    """Stored data, for people."""
    reference = reference_in(content)
    if reference is not None:
        return Elsewhere(bytes=reference["bytes"], sha256=reference["sha256"])
    return _walk(content, lambda envelope: envelope.get(SHOWN, MASK))


def reference_in(content: Any) -> dict[str, Any] | None:
    found = content.get(PAYLOAD) if isinstance(content, dict) else None
    return found if isinstance(found, dict) else None


def is_special(encoded: bytes) -> bool:
    """Whether JSON text may hold an envelope, or what looks like one: cheap, and cautious."""
    return _SIGN_OF_SECRET in encoded or _SIGN_OF_PAYLOAD in encoded


def _sealed(value: Any, secrets: Secrets, fields: Collection[str] = ()) -> Any:
    match value:
        case Mapping():
            if any(secrets.found_in(str(key)) for key in value):
                return _envelope(value)
            return {
                _escaped(key): _envelope(item) if key in fields else _sealed(item, secrets)
                for key, item in value.items()
            }
        case list() | tuple():
            return [_sealed(item, secrets) for item in value]
        case str():
            found = secrets.found_in(value)
            return _envelope(value, found, secrets.masked_text(value)) if found else value
    return _envelope(value) if secrets.masked(value) is MASK else value


def _envelope(value: Any, found: Collection[str] = (), masked: str = MASK) -> dict[str, str]:
    """``found``: what of it is secret; nothing: all of it."""
    envelope = {SECRET: seal(orjson.dumps([value, *found]))}
    return envelope if masked == MASK else {**envelope, SHOWN: masked}


def _opener(secrets: Secrets) -> Callable[[dict[str, str]], Any]:
    def open_one(envelope: dict[str, str]) -> Any:
        value, *found = orjson.loads(unseal(envelope[SECRET]))
        secrets.learn(found or value)
        return value

    return open_one


def _walk(content: Any, for_envelope: Callable[[dict[str, str]], Any]) -> Any:
    if isinstance(content, dict):
        if SECRET in content:
            return for_envelope(content)
        return {_unescaped(key): _walk(item, for_envelope) for key, item in content.items()}
    if isinstance(content, list):
        return [_walk(item, for_envelope) for item in content]
    return content


def _escaped(key: str) -> str:
    return f"${key}" if _RESERVED.fullmatch(key) else key


def _unescaped(key: str) -> str:
    return key[1:] if key.startswith("$$") and _RESERVED.fullmatch(key) else key
