"""What bounds a stream: its age, its bytes, its number."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from time import monotonic

import pytest

from tests.streams.server import Server
from tests.streams.writer import Story

BYTES = 200_000


@pytest.fixture(scope="module")
def strict(database: None) -> Iterator[Server]:
    running = Server(
        STREAM_MAX_SECONDS=2.0, STREAM_BYTES=BYTES, MAX_STREAMS_PER_USER=3, MAX_STREAMS=3, STREAM_BUFFER=10
    )
    yield running
    assert running.stop() == 0


def test_a_connection_ends_cleanly_at_its_age(strict: Server) -> None:
    began = monotonic()
    with strict.stream(f"/workflow/executions/{Story().id}/stream") as reader:
        messages = reader.rest()
    assert 1.5 < monotonic() - began < 3.0
    assert messages[-1].event == "execution.snapshot"


def test_above_its_bytes_a_stream_is_cut_and_resuming_catches_up(strict: Server) -> None:
    story = Story()
    story.say("node.progress", 60, message="x" * 10_000)
    story.finish()
    seqs: list[int] = []
    last_id, connections = f"{story.id}:0", 0
    while True:
        connections += 1
        with strict.stream(f"/workflow/executions/{story.id}/stream", Last_Event_ID=last_id) as reader:
            if reader.response.status_code == 204:
                break
            received = [each for each in reader.rest() if each.id]
        assert sum(len(str(each.data)) for each in received) < BYTES + (1 << 17)
        seqs += [each.seq for each in received]
        last_id = str(received[-1].id)
    assert seqs == list(range(1, 63))
    assert connections > 3


def test_over_the_limit_is_429_and_a_place_given_back_can_be_taken(strict: Server) -> None:
    path = f"/workflow/executions/{Story().id}/stream"
    with ExitStack() as stack:
        readers = [stack.enter_context(strict.stream(path)) for _ in range(3)]
        for reader in readers:
            reader.until("execution.snapshot")
        refused = strict.get("/workflow/executions-stream")
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0
    assert refused.headers["Content-Type"] == "application/problem+json"
    deadline = monotonic() + 5
    while monotonic() < deadline:
        with strict.stream(path) as reader:
            if reader.response.status_code == 200:
                return
    raise AssertionError("the place was not given back")


def test_opening_and_closing_are_logged_with_who_what_and_why(strict: Server) -> None:
    story = Story()
    with strict.stream(f"/workflow/executions/{story.id}/stream") as reader:
        reader.until("execution.snapshot")
        story.finish()
        reader.rest()
    lines = [line for line in strict.log.splitlines() if story.id in line and "c4c.streams" in line]
    assert "opened by local operator from 127.0.0.1" in lines[0]
    assert "closed: done" in lines[1]
    assert "bytes" in lines[1]
