"""The gate: executions under limits wait in lanes, and are let through as places come free.

Two rules make it safe without any release. A slot counts while its execution has not ended (under a rate:
until its moment), so nothing that dies can keep one; and slots are counted and taken only under the lock of
their key. Locks are taken in one order (a lane, then keys in theirs), and nobody waits for another lane's, so
there is no deadlock. What makes the gate look again are hints: a sweep finds what a crash has left forgotten.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, NamedTuple

from django.db import connections
from psycopg import AsyncConnection

from executions.executor.claiming import lanes
from executions.executor.claiming.claims import Served

MOST_LANES = 32
"""Lanes that one pass looks at, so that claiming has its turn."""


class Limit(NamedTuple):
    """One entry of a gate. ``seconds``: of a rate; None: of a concurrency."""

    key: str
    most: int
    seconds: float | None


class Lane(NamedTuple):
    name: str
    gate: list[Limit]


def opened(ids: list[str], using: str) -> None:
    """These executions have been stored at the gate, and that is committed."""
    with connections[using].cursor() as cursor:
        cursor.execute(lanes.OPEN, {"ids": ids})


async def told(connection: AsyncConnection, ids: list[str]) -> None:
    """These executions have ended, or have come back to the gate."""
    await connection.execute(lanes.WAKE, {"ids": ids})
    await connection.execute(lanes.OPEN, {"ids": ids})


async def admit(connection: AsyncConnection, served: Served, room: int) -> int:
    """Let through at most ``room`` executions, as they are to begin at once; answers how many it was."""
    if served.only is not None:
        return await _admit_own(connection, served.only)
    due = await _lanes(connection, lanes.DUE, {"queues": served.queues, "lanes": MOST_LANES})
    share = Counter(limit.key for lane in due for limit in lane.gate)
    left = room
    full: dict[str, int] = {}
    for lane in due:
        if left <= 0:
            break
        known = _known_full(lane, full)
        if known is not None:
            await _block(connection, lane, known, served=False)
            blocked_by: Limit | None = known
        else:
            admitted, blocked_by = await _visit(connection, lane, share, left)
            left -= admitted
        if blocked_by is not None:
            full[blocked_by.key] = max(blocked_by.most, full.get(blocked_by.key, 0))
            await _run(connection, lanes.LOOK_AGAIN, lane, key=blocked_by.key, most=blocked_by.most)
    return room - left


async def sweep(connection: AsyncConnection) -> None:
    """Lanes that have been forgotten, and slots that nobody counts any more."""
    for statement in lanes.SWEEP:
        await connection.execute(statement)


async def _admit_own(connection: AsyncConnection, only: list[str]) -> int:
    """Those that this executor is for, past the others in their lanes: it would not drive these."""
    admitted = 0
    for lane in await _lanes(connection, lanes.OWN, {"only": only}):
        async with connection.transaction():
            places = min((await _places(connection, lane)).values())
            admitted += await _let_through(connection, lane, places, only) if places > 0 else 0
    return admitted


async def _lanes(connection: AsyncConnection, statement: str, values: dict[str, Any]) -> list[Lane]:
    cursor = await connection.execute(statement, values, prepare=True)
    return [Lane(name, [_limit(row) for row in gate]) for name, gate in await cursor.fetchall()]


def _limit(row: dict[str, Any]) -> Limit:
    return Limit(row["key"], row["limit"], row.get("seconds"))


def _known_full(lane: Lane, full: dict[str, int]) -> Limit | None:
    """``full``: how many slots each key was found to have taken, at least."""
    return next((limit for limit in lane.gate if full.get(limit.key, 0) >= limit.most), None)


async def _visit(
    connection: AsyncConnection, lane: Lane, share: Counter[str], most: int
) -> tuple[int, Limit | None]:
    """Look at one lane: how many it has let through, and the limit that blocks it now.

    ``share``: among how many of the lanes looked at now each key's places are divided.
    """
    async with connection.transaction():
        if not await _run(connection, lanes.HOLD, lane):
            return 0, None
        places = await _places(connection, lane)
        fair = min(max(1, free // share[limit.key]) for limit, free in places.items())
        asked = min(most, fair) if min(places.values()) > 0 else 0
        admitted = await _let_through(connection, lane, asked) if asked else 0
        left = {limit: free - admitted for limit, free in places.items()}
        blocked_by = next((limit for limit, free in left.items() if free <= 0), None)
        if admitted < asked:
            await _run(connection, lanes.CLOSE, lane)
            blocked_by = None
        elif blocked_by is not None:
            await _block(connection, lane, blocked_by, served=admitted > 0)
        else:
            await _run(connection, lanes.AGAIN, lane)
            return admitted, None
        for limit in (limit for limit, free in left.items() if free > 0):
            await _run(connection, lanes.PASS_ON, lane, key=limit.key, places=left[limit])
    return admitted, blocked_by


async def _places(connection: AsyncConnection, lane: Lane) -> dict[Limit, int]:
    """What is free under each limit, with the keys locked; those first whose places come back by no clock."""
    keys = [limit.key for limit in lane.gate]
    await _run(connection, lanes.LOCK, lane, keys=keys)
    cursor = await connection.execute(lanes.TAKEN, {"keys": keys}, prepare=True)
    taken: dict[str, int] = dict(await cursor.fetchall())
    ordered = sorted(lane.gate, key=lambda limit: limit.seconds is not None)
    return {limit: limit.most - taken.get(limit.key, 0) for limit in ordered}


async def _let_through(
    connection: AsyncConnection, lane: Lane, most: int, only: list[str] | None = None
) -> int:
    slots = json.dumps([{"key": limit.key, "seconds": limit.seconds} for limit in lane.gate])
    return await _run(connection, lanes.ADMIT, lane, most=most, only=only, slots=slots)


async def _block(connection: AsyncConnection, lane: Lane, limit: Limit, *, served: bool) -> None:
    await _run(connection, lanes.BLOCK, lane, key=limit.key, served=served)


async def _run(connection: AsyncConnection, statement: str, lane: Lane, **values: Any) -> int:
    """How many rows it was about."""
    cursor = await connection.execute(statement, {"lane": lane.name, **values}, prepare=True)
    return cursor.rowcount
