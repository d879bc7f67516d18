"""DBOS doing many small things for one workflow: ``python -m bench.dbos_map gather|queue COUNT AT_ONCE``.

``gather``: steps of one async workflow, so many at once. ``queue``: a workflow of one step each, on a queue
that runs so many at once and is looked at often. Its defaults otherwise. Prints seconds and the MB that the
process has grown by.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time

import psutil
from dbos import DBOS

WAY, COUNT, AT_ONCE = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
POLL_SECONDS = 0.02
"""In its favour: by default it looks at a queue once a second, for ``AT_ONCE`` workflows at most."""


@DBOS.step()
def step(n: int) -> int:
    return n + 1


@DBOS.step()
async def astep(n: int) -> int:
    return n + 1


@DBOS.workflow()
def one(n: int) -> int:
    return step(n)


@DBOS.workflow()
def queued(count: int) -> int:
    queue = DBOS.retrieve_queue("bench")
    assert queue is not None
    handles = [queue.enqueue(one, n) for n in range(count)]
    return max(handle.get_result() for handle in handles)


@DBOS.workflow()
async def gathered(count: int) -> int:
    """In groups: the order in which steps are asked for must be the same each time."""
    last = 0
    for first in range(0, count, AT_ONCE):
        last = (await asyncio.gather(*(astep(n) for n in range(first, min(count, first + AT_ONCE)))))[-1]
    return last


def run(count: int) -> int:
    return queued(count) if WAY == "queue" else asyncio.run(gathered(count))


def main() -> None:
    url = os.environ["DBOS_DATABASE_URL"]
    DBOS(config={"name": "bench", "system_database_url": url, "log_level": "ERROR"})
    DBOS.launch()
    DBOS.register_queue("bench", worker_concurrency=AT_ONCE, polling_interval_sec=POLL_SECONDS)
    run(10)
    before, began = psutil.Process().memory_info().rss, time.perf_counter()
    assert run(COUNT) == COUNT
    seconds = time.perf_counter() - began
    print(seconds, (psutil.Process().memory_info().rss - before) / (1 << 20))
    DBOS.destroy()


if __name__ == "__main__":
    main()
