"""200 open streams and 300 waiting callers leave the database with a handful of connections."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from django.db import connection, connections

from executions.streams import hub, wait_terminal
from tests.streams.server import Server
from tests.streams.writer import Story

pytestmark = pytest.mark.usefixtures("database")
STREAMS, WAITERS = 200, 300
HANDFUL = 4  # three readers and one for notifications
OWN = 4  # the test's: its thread, the watchman, the writing thread, its notifications


class Watchman:
    """Counts the database's connections, again and again, while something else happens."""

    def __init__(self) -> None:
        self.most = 0
        self._stop = threading.Event()

    @contextmanager
    def watching(self) -> Iterator[None]:
        with ThreadPoolExecutor(1) as pool:
            watch = pool.submit(self._watch)
            try:
                yield
            finally:
                self._stop.set()
                watch.result(10)

    def _watch(self) -> None:
        with connection.cursor() as cursor:
            while not self._stop.wait(0.01):
                cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
                self.most = max(self.most, cursor.fetchone()[0])
        connections.close_all()


async def opened(server: Server, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    await reader.readuntil(b"event: execution.snapshot")
    return reader, writer


def test_200_streams_opened_at_once_need_a_handful_of_connections(server: Server) -> None:
    story, watchman = Story(), Watchman()
    path = f"/workflow/executions/{story.id}/stream"

    async def scenario() -> list[bytes]:
        pairs = await asyncio.gather(*(opened(server, path) for _ in range(STREAMS)))
        await asyncio.to_thread(in_thread, story.finish)
        ends = await asyncio.gather(*(reader.readuntil(b"event: workflow.result") for reader, _ in pairs))
        for _, writer in pairs:
            writer.close()
        return ends

    with watchman.watching():
        ends = asyncio.run(asyncio.wait_for(scenario(), 60))
    assert all(f"id: {story.id}:2\n".encode() in end for end in ends)
    assert watchman.most <= HANDFUL + OWN


def test_300_waiting_callers_need_a_handful_of_connections(database: None) -> None:
    stories, watchman = [Story() for _ in range(WAITERS)], Watchman()

    async def scenario() -> list[bool]:
        waiting = [asyncio.create_task(wait_terminal(story.id, 30)) for story in stories]
        await asyncio.sleep(0)
        await asyncio.to_thread(in_thread, *(story.finish for story in stories))
        answers = await asyncio.gather(*waiting)
        await hub.current().stop()
        return answers

    with watchman.watching():
        answers = asyncio.run(asyncio.wait_for(scenario(), 60))
    assert answers == [True] * WAITERS
    assert watchman.most <= HANDFUL + OWN


def in_thread(*jobs: Callable[[], object]) -> None:
    for job in jobs:
        job()
    connections.close_all()
