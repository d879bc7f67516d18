"""The rules of ``GET /workflow/executions-stream``, over a real server process."""

from __future__ import annotations

from time import monotonic
from typing import Any

import pytest

from executions.states import ExecutionStatus
from tests.streams.server import Message, Reader, Server
from tests.streams.writer import Story, new_id

pytestmark = pytest.mark.usefixtures("database")
PATH = "/workflow/executions-stream"


def row_of(message: Message, story: Story) -> dict[str, Any] | None:
    return next((row for row in message.data["executions"] if row["executionId"] == story.id), None)


def until_row(reader: Reader, story: Story, status: str) -> list[Message]:
    """Up to the update that shows the execution in that status."""
    found = []
    while True:
        found += reader.until("executions.update")
        row = row_of(found[-1], story)
        if row is not None and row["status"] == status:
            return found


def seqs(messages: list[Message], story: Story) -> list[int]:
    """The log events of the execution among them."""
    return [each.data["seq"] for each in messages if each.data.get("executionId") == story.id]


def is_shown(messages: list[Message], story: Story, status: str) -> bool:
    rows = [row_of(each, story) for each in messages if each.event == "executions.update"]
    return any(row is not None and row["status"] == status for row in rows)


def test_a_connection_starts_with_the_truth(server: Server) -> None:
    story = Story()
    with server.stream(PATH) as reader:
        initial = reader.next()
    assert reader.response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert reader.response.headers["Content-Encoding"] == "identity"
    assert (initial.event, initial.id, reader.retry) == ("executions.initial", None, 2000)
    assert set(initial.data) == {"executions", "stats", "timestamp"}
    row = row_of(initial, story)
    assert row is not None
    assert row["status"] == "queued"
    assert initial.data["stats"]["total"] >= 1
    assert len(initial.data["executions"]) <= 50


def test_what_changes_is_told_as_events_and_as_an_update(server: Server) -> None:
    with server.stream(PATH) as reader:
        reader.until("executions.initial")
        story = Story()
        story.start()
        messages = until_row(reader, story, "running")
    events = [each for each in messages if each.event.startswith("workflow.")]
    assert [(each.event, each.data["seq"]) for each in events if each.data["executionId"] == story.id] == [
        ("workflow.queued", 1),
        ("workflow.started", 2),
    ]
    assert all(each.id is None for each in messages)


def test_events_can_be_left_out(server: Server) -> None:
    with server.stream(f"{PATH}?events=executions.update") as reader:
        reader.until("executions.initial")
        story = Story()
        story.finish()
        messages = until_row(reader, story, "completed")
    assert {each.event for each in messages} <= {"executions.update", "heartbeat"}


def test_many_changes_make_few_updates(server: Server) -> None:
    story = Story()
    with server.stream(f"{PATH}?tag=none") as other, server.stream(PATH) as reader:
        other.until("executions.initial")
        reader.until("executions.initial")
        began = monotonic()
        story.say("node.progress", 100)
        story.finish()
        messages = until_row(reader, story, "completed")
        seconds = monotonic() - began
    updates = [each for each in messages if each.event == "executions.update"]
    assert 1 <= len(updates) <= seconds / 0.25 + 2
    assert [each.data["seq"] for each in messages if each.event == "node.progress"] == list(range(2, 102))


@pytest.mark.parametrize("query", ["workflowId=mine", "tag=mine", "workflowId=!other&tag=mine"])
def test_filters_narrow_rows_and_events(server: Server, query: str) -> None:
    with server.stream(f"{PATH}?{query}") as reader:
        reader.until("executions.initial")
        other = Story(workflow="other")
        other.finish()
        mine = Story(workflow="mine", tags=("mine",))
        mine.finish()
        messages = until_row(reader, mine, "completed")
    assert row_of(messages[-1], other) is None
    events = [each for each in messages if each.event.startswith("workflow.")]
    assert {each.data["executionId"] for each in events} == {mine.id}
    assert [each.data["seq"] for each in events] == [1, 2]


def test_status_narrows_rows_by_where_they_stand_now(server: Server) -> None:
    tag = new_id()
    story = Story(tags=(tag,))
    with server.stream(f"{PATH}?status=queued&tag={tag}") as reader:
        initial = reader.until("executions.initial")[-1]
        story.finish()
        update = reader.until("executions.update")[-1]
    assert row_of(initial, story) is not None
    assert update.data["executions"] == []
    assert update.data["stats"]["total"] == initial.data["stats"]["total"] + 1  # the writer's own count rows


def test_an_unknown_status_is_a_bad_request(server: Server) -> None:
    answer = server.get(f"{PATH}?status=sleeping")
    assert answer.status_code == 400
    assert "sleeping" in answer.json()["detail"]


def test_it_beats(server: Server) -> None:
    with server.stream(PATH) as reader:
        beat = reader.until("heartbeat")[-1]
    assert isinstance(beat.data["timestamp"], int)


def test_without_notifications_the_truth_still_comes_within_about_a_second(server: Server) -> None:
    with server.stream(PATH) as reader:
        reader.until("executions.initial")
        story = Story()
        reader.until("executions.update")
        story.loud = False
        story.say("node.progress", 3)
        story.move(ExecutionStatus.COMPLETED, "workflow.completed", executionTime=1, nodesExecuted=[])
        began = monotonic()
        messages: list[Message] = []
        while not (seqs(messages, story)[-1:] == [5] and is_shown(messages, story, "completed")):
            messages.append(reader.next())
    assert monotonic() - began < 3
    assert seqs(messages, story)[-4:] == [2, 3, 4, 5]


@pytest.mark.parametrize("path", ["/workflow/executions-stream/", "/api/workflow/executions-stream"])
def test_it_is_served_under_its_other_names(server: Server, path: str) -> None:
    with server.stream(path) as reader:
        assert reader.next().event == "executions.initial"
