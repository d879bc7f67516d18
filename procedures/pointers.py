"""JSON pointers (RFC 6901), and how a reader says them."""

from __future__ import annotations

from collections.abc import Iterable

from procedures.errors import Problem


def pointer_to(path: Iterable[object]) -> str:
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)


def problem_at(path: Iterable[object], what: str) -> Problem:
    """``{"detail": "order.lines.0: …", "pointer": "/order/lines/0"}``; at the top only what is wrong."""
    parts = [str(part) for part in path]
    return {"detail": f"{'.'.join(parts)}: {what}" if parts else what, "pointer": pointer_to(parts)}
