"""Whatever happens to connections and notifications: what a client received is the log, exactly, in order."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from functools import partial
from time import monotonic, sleep

import httpx
import pytest
from django.db import connections

from executions.streams.log import PAGE
from tests.streams.server import Reader, Server
from tests.streams.writer import Story

pytestmark = pytest.mark.usefixtures("database")
SEED = 20261121
WRITERS, CLIENTS_EACH = 4, 3
EVENTS = PAGE + 60
SECONDS = 40


def write(story: Story, rng: random.Random) -> None:
    """Bursts and pauses; half of the notifications are lost."""
    story.start()
    while len(story.log) < EVENTS:
        story.loud = rng.random() < 0.5
        story.say(
            rng.choice(["node.progress", "node.started", "node.completed"]),
            rng.randint(1, 25),
            text="ü\r\n" * 3,
        )
        sleep(rng.choice([0, 0, 0.002, 0.02]))
    story.loud = rng.random() < 0.5
    story.finish()
    connections.close_all()


class Client:
    """Reads a while, leaves or is cut, comes back with the last id it has; as a browser does."""

    def __init__(self, server: Server, story: Story, rng: random.Random) -> None:
        self.server, self.story, self.rng = server, story, rng
        self.received: list[tuple[int, str]] = []
        self.connections = 0
        self.last_id = ""
        self.over = False

    def run(self) -> None:
        deadline = monotonic() + SECONDS
        while not self.over and monotonic() < deadline:
            headers = {"Last_Event_ID": self.last_id} if self.last_id else {}
            self.connections += 1
            path = f"/workflow/executions/{self.story.id}/stream?after=0"
            with self.server.stream(path, **headers) as reader:
                if reader.response.status_code == 204:
                    return
                self.read(reader, self.rng.choice([0, 1, 5, 40, 10_000]))

    def read(self, reader: Reader, limit: int) -> None:
        try:
            for message in reader:
                if message.id:
                    self.received.append((message.seq, message.event))
                    self.last_id = message.id
                    limit -= 1
                self.over = message.event == "workflow.result"
                if limit < 0:
                    return
                if self.rng.random() < 0.01:
                    sleep(0.05)  # a slow reader
        except httpx.TransportError:
            return


def run_all(jobs: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS + 10)


def test_what_was_received_is_the_log(server: Server) -> None:
    rng = random.Random(SEED)
    stories = [Story() for _ in range(WRITERS)]
    clients = [
        Client(server, story, random.Random(rng.random())) for story in stories for _ in range(CLIENTS_EACH)
    ]
    writers = [partial(write, story, random.Random(rng.random())) for story in stories]
    run_all([*writers, *(client.run for client in clients)])
    for client in clients:
        assert client.received == client.story.log
    assert sum(client.connections for client in clients) > len(clients)
