"""Many who wait and many who watch hold no database connections."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import psycopg

from tests.seeds.definitions import steps
from tests.seeds.site import Site, database
from tests.site.servers import until

CALLERS = 300
STREAMS = 200
IDS = [f"crowd-{number}" for number in range(CALLERS)]
HANDFUL = 10
LIMIT = 60.0
CONNECTIONS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND application_name <> 'looking'
"""
"""Of the site alone: this server and its database are nobody else's."""
STORED = "SELECT count(*) FROM c4c_executions_execution WHERE id = ANY(%s)"


class Crowd:
    """Who is being answered, on sockets of their own."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.waiting = 0
        self.watching = 0

    async def run(self, execution_id: str) -> dict[str, Any]:
        """Run an execution and wait for its end, however it comes."""
        self.waiting += 1
        told = await self._post("/workflow/execute", workflow=steps(1, LIMIT), executionId=execution_id)
        self.waiting -= 1
        return told

    async def cancel(self, execution_id: str) -> None:
        await self._post(f"/workflow/executions/{execution_id}/cancel")

    async def _post(self, path: str, **body: Any) -> dict[str, Any]:
        async with self._asking(f"POST {path}", json.dumps(body)) as reader:
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.split()[1] in (b"200", b"202"), head
            told: dict[str, Any] = json.loads(await reader.read())
        return told

    @asynccontextmanager
    async def stream(self, path: str, event: bytes) -> AsyncIterator[Counter[bytes]]:
        """An open stream that has begun; which events came."""
        async with self._asking(f"GET {path}") as reader:
            seen: Counter[bytes] = Counter()
            while not seen[event]:
                seen.update(await self._events(reader))
            self.watching += 1
            more = asyncio.create_task(self._read_on(reader, seen))
            try:
                yield seen
            finally:
                more.cancel()

    async def _read_on(self, reader: asyncio.StreamReader, seen: Counter[bytes]) -> None:
        while not reader.at_eof():
            seen.update(await self._events(reader))
        self.watching -= 1

    async def _events(self, reader: asyncio.StreamReader) -> list[bytes]:
        line = await reader.readline()
        return [line[7:].strip()] if line.startswith(b"event: ") else []

    @asynccontextmanager
    async def _asking(self, line: str, body: str = "") -> AsyncIterator[asyncio.StreamReader]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.site.port, limit=1 << 24)
        kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
        head = f"{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{kind}\r\n"
        writer.write(head.encode() + body.encode())
        try:
            yield reader
        finally:
            writer.close()


def test_300_callers_and_200_streams_leave_a_handful_of_connections(site: Site) -> None:
    answers, streams = asyncio.run(asyncio.wait_for(_crowd(site), LIMIT))

    assert [answer["status"] for answer in answers] == ["cancelled"] * CALLERS
    assert {answer["executionId"] for answer in answers} == set(IDS)
    assert all(seen[b"executions.update"] for seen in streams[::2])
    assert site.execute("simple-math-workflow")["status"] == "completed"


async def _crowd(site: Site) -> tuple[list[dict[str, Any]], list[Counter[bytes]]]:
    """All callers and streams at once; the connections are counted while all of them wait."""
    watched = site.execute(steps(1, LIMIT), **{"async": True})["executionId"]
    crowd = Crowd(site)
    lists = "/workflow/executions-stream", b"executions.initial"
    one = f"/workflow/executions/{watched}/stream", b"execution.snapshot"
    async with AsyncExitStack() as open_streams:
        opening = [crowd.stream(*(one if number % 2 else lists)) for number in range(STREAMS)]
        streams = [await open_streams.enter_async_context(each) for each in opening]
        callers = [asyncio.create_task(crowd.run(execution_id)) for execution_id in IDS]
        await asyncio.to_thread(_until_few_connections, crowd)
        assert (crowd.waiting, crowd.watching) == (CALLERS, STREAMS)
        await asyncio.gather(*map(crowd.cancel, IDS))
        answers = await asyncio.gather(*callers)
        assert crowd.watching == STREAMS
        await crowd.cancel(watched)
    return answers, streams


def _until_few_connections(crowd: Crowd) -> None:
    with database(crowd.site.home) as looking:
        until(lambda: looking.execute(STORED, [IDS]).fetchone() == (CALLERS,), LIMIT)
        until(lambda: _connections(looking) <= HANDFUL, LIMIT / 2)
        # They stay few: it is not that somebody had just let go of one.
        assert all(_connections(looking) <= HANDFUL for _ in range(100))


def _connections(looking: psycopg.Connection[Any]) -> int:
    row = looking.execute(CONNECTIONS).fetchone()
    assert row is not None
    return int(row[0])
