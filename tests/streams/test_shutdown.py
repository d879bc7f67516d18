"""SIGTERM with open streams: a clean end for everybody, soon."""

from __future__ import annotations

import signal
import threading
from time import monotonic

import pytest

from tests.streams.server import Server
from tests.streams.writer import Story

pytestmark = pytest.mark.usefixtures("database")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_streams_end_cleanly_and_the_process_exits_within_two_seconds(number: signal.Signals) -> None:
    server, story = Server(), Story()
    paths = [f"/workflow/executions/{story.id}/stream", "/workflow/executions-stream"] * 3
    ready, ended = threading.Barrier(len(paths) + 1), []

    def watch(path: str) -> None:
        with server.stream(path) as reader:
            reader.next()
            ready.wait(10)
            reader.rest()  # raises if the end is not a clean one
            ended.append(path)

    viewers = [threading.Thread(target=watch, args=[path]) for path in paths]
    for viewer in viewers:
        viewer.start()
    ready.wait(10)
    began = monotonic()
    server.process.send_signal(number)
    code = server.process.wait(10)
    seconds = monotonic() - began
    for viewer in viewers:
        viewer.join(5)
    log = server.log
    server.stop()
    assert code in (0, -number), log
    assert seconds < 2
    assert sorted(ended) == sorted(paths)
    assert "Fatal Python error" not in log
    assert log.count("closed: shutdown") == len(paths)
