"""django-eventstream's own view and ``send_event``, over our log and fed by our hub."""

from __future__ import annotations

import pytest

from tests.streams.server import Server
from tests.streams.writer import Story

pytestmark = pytest.mark.usefixtures("database")
PLAIN = {"Accept_Encoding": "identity"}  # GZipMiddleware breaks the stock view


def test_the_stock_view_tells_an_executions_events_live(server: Server) -> None:
    story = Story()
    with server.stream(f"/stock/?channel={story.id}", **PLAIN) as reader:
        reader.until_open()
        story.say("node.progress", 3)
        story.finish()
        messages = reader.until("workflow.completed")
    assert [each.id for each in messages] == [f"{story.id}:{seq}" for seq in range(2, 6)]
    assert messages[0].data["executionId"] == story.id


def test_the_stock_view_resumes_from_our_log(server: Server) -> None:
    story = Story()
    story.say("node.progress", 120)
    story.finish()
    with server.stream(f"/stock/?channel={story.id}", **PLAIN, Last_Event_ID=f"{story.id}:3") as reader:
        reader.until_open()
        messages = reader.until("workflow.completed")
    assert [each.seq for each in messages] == list(range(4, 123))


def test_the_stock_view_resets_who_is_beyond_the_end(server: Server) -> None:
    story = Story()
    with server.stream(f"/stock/?channel={story.id}", **PLAIN, Last_Event_ID=f"{story.id}:77") as reader:
        assert reader.until("stream-reset")[-1].id == f"{story.id}:1"


def test_a_third_partys_event_reaches_its_listeners(server: Server) -> None:
    with server.stream("/stock/?channel=third-party", **PLAIN) as reader:
        reader.until_open()
        assert server.get("/send/").text == "sent"
        assert reader.until("hello")[-1].data == {"from": "afar"}
