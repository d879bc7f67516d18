"""Many viewers leave the database with a handful of connections."""

from __future__ import annotations

import asyncio

import pytest

from tests.streams.server import Server
from tests.streams.watchman import HANDFUL, OWN, Watchman, in_thread
from tests.streams.writer import Story

pytestmark = pytest.mark.usefixtures("database")
STREAMS = 200


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
