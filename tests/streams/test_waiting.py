"""``wait_terminal``: callers that wait for an execution's end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from time import monotonic
from typing import Any

import pytest
from django.test import override_settings

from executions.models import Execution
from executions.states import ExecutionStatus
from executions.streams import hub, wait_terminal
from tests.streams.watchman import HANDFUL, OWN, Watchman, in_thread
from tests.streams.writer import Story

pytestmark = pytest.mark.usefixtures("database")


def run(scenario: Callable[[], Coroutine[Any, Any, bool]]) -> bool:
    async def whole() -> bool:
        try:
            return await scenario()
        finally:
            await hub.current().stop()

    return asyncio.run(asyncio.wait_for(whole(), 20))


async def elsewhere(job: Callable[[], object]) -> None:
    await asyncio.to_thread(in_thread, job)


@pytest.mark.parametrize(
    "status", [ExecutionStatus.COMPLETED, ExecutionStatus.FAILED, ExecutionStatus.CANCELLED]
)
@pytest.mark.parametrize("loud", [True, False])
def test_the_end_answers_the_waiting_notified_or_not(status: ExecutionStatus, loud: bool) -> None:
    story = Story()

    async def scenario() -> bool:
        waiting = asyncio.create_task(wait_terminal(story.id, 10))
        await asyncio.sleep(0)
        story.loud = loud
        await elsewhere(lambda: story.finish(status))
        return await waiting

    began = monotonic()
    assert run(scenario) is True
    assert monotonic() - began < 5


def test_what_has_ended_already_answers_at_once() -> None:
    story = Story()
    story.finish()
    assert run(lambda: wait_terminal(story.id, 10)) is True


def test_time_runs_out() -> None:
    story = Story()
    began = monotonic()
    assert run(lambda: wait_terminal(story.id, 0.3)) is False
    assert monotonic() - began < 2


@pytest.mark.parametrize("status", [ExecutionStatus.WAITING, ExecutionStatus.PAUSED])
def test_nobody_waits_for_what_is_parked(status: ExecutionStatus) -> None:
    story = Story()

    async def scenario() -> bool:
        waiting = asyncio.create_task(wait_terminal(story.id, 10))
        await asyncio.sleep(0)
        await elsewhere(lambda: story.move(status, f"workflow.{status}"))
        return await waiting

    began = monotonic()
    assert run(scenario) is False
    assert monotonic() - began < 5


def test_nobody_waits_for_what_was_deleted() -> None:
    story = Story()

    async def scenario() -> bool:
        waiting = asyncio.create_task(wait_terminal(story.id, 10))
        await asyncio.sleep(0.2)
        await elsewhere(Execution.objects.filter(pk=story.id).delete)
        return await waiting

    began = monotonic()
    assert run(scenario) is False
    assert monotonic() - began < 5


@override_settings(C4C={"MAX_WAITERS": 1})
def test_one_waiter_too_many_is_told_at_once() -> None:
    story = Story()

    async def scenario() -> bool:
        first = asyncio.create_task(wait_terminal(story.id, 10))
        await asyncio.sleep(0)
        second = await asyncio.wait_for(wait_terminal(story.id, 10), 1)
        await elsewhere(story.finish)
        return second or not await first

    assert run(scenario) is False


def test_300_waiting_callers_need_a_handful_of_connections() -> None:
    stories, watchman = [Story() for _ in range(300)], Watchman()

    async def scenario() -> list[bool]:
        waiting = [asyncio.create_task(wait_terminal(story.id, 30)) for story in stories]
        await asyncio.sleep(0)
        await asyncio.to_thread(in_thread, *(story.finish for story in stories))
        answers = await asyncio.gather(*waiting)
        await hub.current().stop()
        return answers

    with watchman.watching():
        answers = asyncio.run(asyncio.wait_for(scenario(), 60))
    assert answers == [True] * 300
    assert watchman.most <= HANDFUL + OWN
