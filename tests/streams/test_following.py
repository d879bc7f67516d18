"""``follow`` and ``afollow``: the log as an iterator."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from functools import partial
from itertools import islice
from typing import Any

import pytest
from django.db import connections

from executions.errors import ExecutionNotFound
from executions.streams import afollow, follow, hub
from tests.streams.writer import Story

pytestmark = pytest.mark.usefixtures("database")


def meanwhile(*jobs: Callable[[], object]) -> threading.Thread:
    def run() -> None:
        for job in jobs:
            job()
        connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_one_execution_is_followed_to_its_end() -> None:
    story = Story()
    following = follow(story.id)
    assert next(following)["type"] == "workflow.queued"
    thread = meanwhile(story.start, lambda: story.say("node.progress", 250), story.finish)
    payloads = list(following)
    thread.join()
    assert [each["seq"] for each in payloads] == list(range(2, 254))
    assert payloads[-1]["type"] == "workflow.completed"
    assert payloads[0]["executionId"] == story.id


def test_following_starts_after_a_seq() -> None:
    story = Story()
    story.finish()
    assert [each["seq"] for each in follow(story.id, after=1)] == [2]


def test_following_does_not_need_notifications() -> None:
    story = Story()
    story.loud = False
    following = follow(story.id)
    next(following)
    thread = meanwhile(story.finish)
    assert [each["type"] for each in following] == ["workflow.completed"]
    thread.join()


def test_an_unknown_execution_is_told_at_once() -> None:
    with pytest.raises(ExecutionNotFound):
        follow("nobody")


def test_all_executions_are_followed_from_the_call_on() -> None:
    old, silent = Story(), Story()
    old.say("node.progress", 3)
    following = follow()
    new = Story()
    old.say("node.progress")
    new.finish()
    silent.loud = False
    silent.say("node.progress")
    received: dict[str, list[int]] = {}
    for payload in islice(following, 4):
        received.setdefault(payload["executionId"], []).append(payload["seq"])
    following.close()
    assert received == {old.id: [5], new.id: [1, 2], silent.id: [2]}


def test_following_all_loses_and_doubles_nothing_while_many_write() -> None:
    stories = [Story() for _ in range(6)]
    following = follow()

    def write(story: Story) -> None:
        for number in range(40):
            story.loud = number % 2 == 0
            story.say("node.progress")
        story.loud = True
        story.finish()

    threads = [meanwhile(partial(write, story)) for story in stories]
    received: dict[str, list[int]] = {story.id: [] for story in stories}
    for payload in islice(following, 6 * 41):
        received[payload["executionId"]].append(payload["seq"])
    following.close()
    for thread in threads:
        thread.join()
    assert all(seqs == list(range(2, 43)) for seqs in received.values())


def test_coroutines_follow_too() -> None:
    story = Story()

    async def scenario() -> tuple[list[int], list[int]]:
        every = collect(afollow(), 3)
        one = asyncio.create_task(collect(afollow(story.id), 100))
        all_ = asyncio.create_task(every)
        await asyncio.sleep(0.2)  # "from now on" is from the first step
        await asyncio.to_thread(lambda: meanwhile(lambda: story.say("node.progress", 2), story.finish).join())
        answers = await one, await all_
        await hub.current().stop()
        return answers

    one, every = asyncio.run(asyncio.wait_for(scenario(), 20))
    assert one == [1, 2, 3, 4]
    assert every == [2, 3, 4]


async def collect(source: AsyncGenerator[dict[str, Any]], count: int) -> list[int]:
    found = []
    async for payload in source:
        found.append(payload["seq"])
        if len(found) == count:
            break
    await source.aclose()
    return found
