"""kill -9 of the server and of its database, in the middle of everything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.seeds.definitions import like_long_running, steps
from tests.seeds.shell import LIMIT
from tests.seeds.site import Process, Site, kill_everything
from tests.seeds.streams import Watcher
from tests.site.servers import until

BACKGROUND = {"async": True}
CALLERS = 4
MOST = 500
"""Executions that callers start, should the server not be killed."""
ENDS = {"node.completed", "node.failed", "node.cancelled"}


def test_what_was_acknowledged_goes_on_and_ends(home: Path, ending: Callable[[Process], None]) -> None:
    first = Site(home, "all")
    ending(first)
    watched = first.execute(like_long_running(1.0), **BACKGROUND)["executionId"]
    client = Watcher(first, watched)
    while not client.told or client.told[-1].get("nodeId") != "phase-2":
        client.watch(1)
    with calling(first) as acknowledged:
        until(lambda: len(acknowledged) >= 3 * CALLERS)
        kill_everything(first)

    second = Site(home, "all", port=first.port)
    ending(second)
    client.watch_to_the_end()
    for execution_id in acknowledged:
        assert second.until_ended(execution_id)["status"] == "completed"

    assert len(acknowledged) < MOST
    assert client.told == client.missed
    assert client.seen[-1].event == "workflow.completed"
    assert second.execution(watched)["status"] == "completed"
    for execution_id in (watched, *acknowledged):
        assert_each_node_ended_once(second, execution_id)
    assert lost(second, watched) == {"phase-2"}


def assert_each_node_ended_once(site: Site, execution_id: str) -> None:
    log = site.events(execution_id)
    assert [event["seq"] for event in log] == list(range(1, len(log) + 1))
    ended = [event["nodeId"] for event in log if event["type"] in ENDS]
    assert sorted(ended) == sorted(site.execution(execution_id)["nodesExecuted"])
    assert log[-1]["type"] == "workflow.completed"


def lost(site: Site, execution_id: str) -> set[str]:
    """Nodes whose attempt died with the server."""
    return {event["nodeId"] for event in site.events(execution_id) if event["type"] == "node.lost"}


@contextmanager
def calling(site: Site) -> Iterator[list[str]]:
    """Callers that start one execution after the other until the server is gone: what it acknowledged."""
    acknowledged: list[str] = []
    with ThreadPoolExecutor(CALLERS) as pool:
        calls = [pool.submit(_call, site, acknowledged) for _ in range(CALLERS)]
        yield acknowledged
        for call in calls:
            call.result(LIMIT)


def _call(site: Site, acknowledged: list[str]) -> None:
    body: dict[str, Any] = {"workflow": steps(2, 0.3), **BACKGROUND}
    with httpx.Client(base_url=site.base, timeout=LIMIT) as client:
        while len(acknowledged) < MOST:
            try:
                answer = client.post("/workflow/execute", json=body)
            except httpx.TransportError:
                return  # the server is gone
            assert answer.status_code == 202, answer.text
            acknowledged.append(answer.json()["executionId"])
