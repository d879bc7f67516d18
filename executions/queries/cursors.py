"""Cursors: where a page ended, opaque and signed, bound to the filters that it was made for."""

from __future__ import annotations

from typing import Any

from django.core.signing import BadSignature, Signer

from executions.errors import ExecutionError


class InvalidCursor(ExecutionError):
    """Not a cursor of this list: made up, damaged, or made for other filters."""


def encode(scope: str, position: list[Any]) -> str:
    """``scope`` tells the list and its filters; ``position`` is the sort key of the last row told."""
    return _signer(scope).sign_object(position)


def decode(scope: str, cursor: str) -> list[Any]:
    try:
        position = _signer(scope).unsign_object(cursor)
    except (BadSignature, ValueError) as problem:
        raise InvalidCursor("The cursor is not valid for this list and these filters.") from problem
    if not isinstance(position, list):
        raise InvalidCursor("The cursor is not valid for this list.")
    return position


def _signer(scope: str) -> Signer:
    return Signer(salt=f"c4c.cursor.{scope}")
