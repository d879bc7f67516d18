"""The hub and its parts, in this process: slow readers, crowds, broken connections."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import OperationalError, connection, connections
from django.test import override_settings

from executions.streams import hub
from executions.streams.channel import Channel
from executions.streams.connection import Connection, open_connections
from executions.streams.detail import DetailStream, Ticket
from executions.streams.door import Start
from executions.streams.feed import Feed
from executions.streams.frames import Frame
from executions.streams.readers import Readers, Urgency
from executions.streams.shutdown import close_all_streams
from executions.streams.tail import CROWD, Tail
from tests.streams.server import Server
from tests.streams.watchman import in_thread
from tests.streams.writer import Story

pytestmark = pytest.mark.usefixtures("database")


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def whole() -> None:
        try:
            await scenario()
        finally:
            await hub.current().stop()

    asyncio.run(asyncio.wait_for(whole(), 20))


def opened(story: Story) -> tuple[Connection, DetailStream]:
    connection = Connection(f"of {story.id}", None, "")
    return connection, DetailStream(connection, Ticket(story.id, None, Start(cursor=0), None, exists=True))


@override_settings(C4C={"STREAM_BUFFER": 5})
def test_a_reader_slower_than_the_ring_is_caught_up_from_the_log() -> None:
    story = Story()

    async def scenario() -> None:
        connection, stream = opened(story)
        wires = []
        async for wire in connection.body(stream.frames()):
            wires.append(wire)
            if b"workflow.queued" in wire:  # it reads no further while all this happens
                await asyncio.to_thread(in_thread, lambda: story.say("node.progress", 50), story.finish)
        ids = [line for wire in wires for line in wire.decode().splitlines() if line.startswith("id: ")]
        assert ids == [f"id: {story.id}:{seq}" for seq in range(1, 53)]

    run(scenario)


def test_closing_all_streams_ends_those_that_are_open_and_only_those() -> None:
    story = Story()

    async def scenario() -> None:
        connection, stream = opened(story)
        body = connection.body(stream.frames())
        await anext(body)
        assert close_all_streams() == 1
        assert [wire async for wire in body if b"heartbeat" not in wire] == []
        assert connection.closing == "shutdown"
        assert len(open_connections()) == 0
        later, stream = opened(story)
        assert b"workflow.stream.connected" in await anext(later.body(stream.frames()))

    run(scenario)


def test_a_body_that_nobody_reads_gives_its_place_back() -> None:
    story = Story()

    async def scenario() -> None:
        connection, stream = opened(story)
        body = connection.body(stream.frames())
        assert len(open_connections()) == 1
        del body
        assert len(open_connections()) == 0

    asyncio.run(scenario())


def test_a_ring_that_does_not_reach_back_sends_to_the_log() -> None:
    channel = Channel("x")
    assert channel.after(0) is None
    channel.start_from(3)
    channel.append(Frame(seq, "node.progress", b"") for seq in range(4, 8))
    assert channel.after(2) is None
    assert [frame.seq for frame in channel.after(3) or []] == [4, 5, 6, 7]
    assert [frame.seq for frame in channel.after(6) or []] == [7]
    assert channel.after(7) == channel.after(9) == []


def test_in_a_crowd_only_what_happens_to_whole_executions_is_told() -> None:
    tail = Tail()
    tail.start()
    stories = [Story() for _ in range(CROWD + 1)]
    for story in stories:
        story.say("node.progress")
    crowd = tail.brief(frozenset(story.id for story in stories))
    assert {entry.type for _, entry in crowd} == {"workflow.queued"}
    stories[0].say("node.progress")
    assert [entry.seq for _, entry in tail.brief(frozenset({stories[0].id}))] == [3]


@override_settings(C4C={"STREAM_BUFFER": 3})
def test_who_hears_the_feed_too_slowly_gets_the_newest() -> None:
    feed = Feed()
    Story().say("node.progress", 9)
    feed.start()
    Story().say("node.progress", 4)
    assert feed.append(feed.read(None))
    assert feed.position == 5
    assert [heard.wire.count(b"node.progress") > 0 for heard in feed.after(0)] == [True] * 3
    assert len(feed.after(4)) == 1
    assert feed.after(5) == []


def test_readers_read_again_when_their_connection_breaks() -> None:
    pool, calls = Readers(size=1, linger=0.1), []

    def read() -> int:
        calls.append(1)
        if len(calls) == 1:
            raise OperationalError("the server closed the connection")
        return 7

    assert asyncio.run(pool.run(Urgency.LOG, read)) == 7
    assert pool.wait_until_idle(5)


def test_readers_pass_errors_on_and_go_on() -> None:
    pool = Readers(size=1, linger=0.1)

    def fail() -> None:
        raise ValueError("no such thing")

    async def scenario() -> int:
        with pytest.raises(ValueError, match="no such thing"):
            await pool.run(Urgency.DOOR, fail)
        return await pool.run(Urgency.DOOR, lambda: 3)

    assert asyncio.run(scenario()) == 3
    assert pool.wait_until_idle(5)


def test_a_database_that_drops_its_connections_loses_no_event(server: Server) -> None:
    story = Story()
    with server.stream(f"/workflow/executions/{story.id}/stream") as reader:
        reader.until("execution.snapshot")
        story.say("node.progress", 2)
        with ThreadPoolExecutor(1) as pool:
            pool.submit(terminate_all_others).result(10)
        connection.close()
        story.say("node.progress", 2)
        story.finish()
        messages = reader.until("workflow.completed")
    assert [each.seq for each in messages if each.id] == [2, 3, 4, 5, 6]


def terminate_all_others() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    connections.close_all()
