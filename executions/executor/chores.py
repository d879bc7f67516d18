"""Work that an executor does beside driving, in a thread: whoever has some registers it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor as Pool

from django.db import close_old_connections, connections

from executions.conf import conf

log = logging.getLogger("c4c.executor")

Chore = Callable[[], bool]
"""Does a little, in a transaction of its own. True: there is more to do."""

_chores: list[Chore] = []
LAST_SECONDS = 5.0
"""For what is being done as the executor stops."""


def chore(work: Chore) -> Chore:
    """Have it done by whichever executor comes first; it must bear others doing the same."""
    _chores.append(work)
    return work


class Chores:
    """Does them one after the other, as long as there is something to do, then every ``POLL_SECONDS``."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def run(self) -> None:
        while True:
            done = [await self._aside(work) for work in list(_chores)]
            if not any(done):
                await asyncio.sleep(conf.POLL_SECONDS)

    async def _aside(self, work: Chore) -> bool:
        doing = asyncio.get_running_loop().run_in_executor(self._pool, _do, work)
        try:
            return await asyncio.shield(doing)
        except asyncio.CancelledError:
            await asyncio.wait([doing], timeout=LAST_SECONDS)
            raise


def _do(work: Chore) -> bool:
    """A failure costs a round: the next one tries again."""
    close_old_connections()
    try:
        return work()
    except Exception as error:
        log.warning("%s: %s", work.__name__, " ".join(str(error).split()), exc_info=error)
        return False
    finally:
        connections.close_all()
