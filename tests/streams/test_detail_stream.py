"""The rules of ``GET /workflow/executions/:id/stream``, over a real server process."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.utils import timezone

from executions.models import Execution, NodeRun
from executions.states import ExecutionStatus
from tests.streams.server import Message, Reader, Server
from tests.streams.writer import Story, new_id

pytestmark = pytest.mark.usefixtures("database")
QUIET = {"heartbeat"}


def path_of(story: Story, query: str = "") -> str:
    return f"/workflow/executions/{story.id}/stream{query}"


def told(messages: list[Message]) -> list[tuple[str, int | None]]:
    """Events with their seq, without the heartbeats."""
    return [(each.event, each.seq if each.id else None) for each in messages if each.event not in QUIET]


def opened(reader: Reader) -> list[Message]:
    return reader.until("execution.snapshot")


def finished_story() -> Story:
    story = Story()
    story.start()
    story.say("node.started", nodeId="a")
    story.finish()
    return story


def test_the_headers_keep_proxies_and_middleware_from_buffering(server: Server) -> None:
    with server.stream(path_of(Story()), Accept_Encoding="gzip") as reader:
        opened(reader)
        headers = reader.response.headers
    assert reader.response.status_code == 200
    assert headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert headers["Cache-Control"] == "no-cache, no-transform"
    assert headers["X-Accel-Buffering"] == "no"
    assert headers["Content-Encoding"] == "identity"
    assert reader.retry == 2000
    assert server.get("/page/").headers["Content-Encoding"] == "gzip"  # the middleware is there


def test_a_fresh_client_gets_a_snapshot_then_each_event_with_its_id_then_the_result(server: Server) -> None:
    story = Story()
    story.start()
    with server.stream(path_of(story)) as reader:
        connected, snapshot = opened(reader)
        story.say("node.started", nodeId="a", nodeIndex=0)
        started = reader.until("node.started")[-1]
        story.finish()
        rest = [each for each in reader.rest() if each.event not in QUIET]
    assert connected.event == "workflow.stream.connected"
    assert connected.data["executionId"] == story.id
    assert isinstance(connected.data["timestamp"], int)
    assert (snapshot.id, snapshot.data["seq"]) == (f"{story.id}:2", 2)
    assert snapshot.data["execution"]["status"] == "running"
    assert snapshot.data["execution"]["spans"] == []
    assert started.id == f"{story.id}:3"
    assert list(started.data)[:4] == ["type", "workflowId", "executionId", "seq"]
    assert started.data["nodeId"] == "a"
    assert told(rest) == [("workflow.completed", 4), ("workflow.result", None)]
    assert rest[-1].data["result"]["executionId"] == story.id
    assert rest[-1].data["result"]["status"] == "completed"
    assert {"outputs", "executionTime", "nodesExecuted", "spans"} <= set(rest[-1].data["result"])


def test_a_finished_execution_is_told_to_its_end(server: Server) -> None:
    story = finished_story()
    with server.stream(path_of(story)) as reader:
        messages = reader.rest()
    assert told(messages) == [
        ("workflow.stream.connected", None),
        ("execution.snapshot", 3),
        ("workflow.completed", 4),
        ("workflow.result", None),
    ]
    assert messages[1].data["seq"] == 3
    assert messages[1].data["execution"]["status"] == "completed"


def test_only_the_terminal_events_own_id_is_answered_204(server: Server) -> None:
    story = finished_story()
    assert server.get(path_of(story), Last_Event_ID=f"{story.id}:4").status_code == 204
    assert server.get(path_of(story, f"?lastEventId={story.id}:4")).status_code == 204
    with server.stream(path_of(story), Last_Event_ID=f"{story.id}:3") as reader:
        assert told(reader.rest())[1:] == [("workflow.completed", 4), ("workflow.result", None)]


def test_the_last_id_of_a_running_execution_is_no_reason_to_stop(server: Server) -> None:
    story = Story()
    with server.stream(path_of(story), Last_Event_ID=f"{story.id}:1") as reader:
        reader.until("heartbeat")
        story.finish()
        assert told(reader.rest()) == [("workflow.completed", 2), ("workflow.result", None)]


def test_who_resumes_gets_exactly_what_was_missed(server: Server) -> None:
    story = Story()
    story.say("node.progress", 10)
    with server.stream(path_of(story), Last_Event_ID=f"{story.id}:4") as reader:
        story.say("node.progress", 3)
        story.finish()
        messages = told(reader.rest())
    assert messages[0] == ("workflow.stream.connected", None)
    assert [seq for _, seq in messages[1:-1]] == list(range(5, 16))
    assert messages[-1] == ("workflow.result", None)


@pytest.mark.parametrize(
    "query", ["?lastEventId=2", "?lastEventId={id}:2", "?lastEventId=1&lastEventId={id}:2"]
)
def test_the_query_resumes_too_there_also_by_a_bare_seq(server: Server, query: str) -> None:
    story = finished_story()
    with server.stream(path_of(story, query.format(id=story.id))) as reader:
        assert [seq for _, seq in told(reader.rest())] == [None, 3, 4, None]


def test_the_header_wins_over_the_query(server: Server) -> None:
    story = finished_story()
    with server.stream(path_of(story, "?lastEventId=1"), Last_Event_ID=f"{story.id}:3") as reader:
        assert [seq for _, seq in told(reader.rest())] == [None, 4, None]


@pytest.mark.parametrize(
    "garbage",
    [
        "nonsense",
        "error",
        "someone-else:3",
        "{id}:99",
        "{id}:-1",
        "{id}:x",
        "{id}:2:3",
        "3",
        "{id}",
        ":",
        ",",
        "%00:1",
    ],
)
def test_an_id_that_means_nothing_resets_and_is_never_an_error(server: Server, garbage: str) -> None:
    story = finished_story()
    with server.stream(path_of(story), Last_Event_ID=garbage.format(id=story.id)) as reader:
        events = [event for event, _ in told(reader.rest())]
    assert reader.response.status_code == 200
    assert events == [
        "workflow.stream.connected",
        "stream-reset",
        "execution.snapshot",
        "workflow.completed",
        "workflow.result",
    ]


@pytest.mark.parametrize("trap", ["es-meta=x", "link=next", "recover=true"])
def test_the_words_of_django_eventstreams_proxies_are_not_believed(server: Server, trap: str) -> None:
    story = finished_story()
    with server.stream(path_of(story, f"?{trap}"), Last_Event_ID=f"{story.id}:3") as reader:
        assert [seq for _, seq in told(reader.rest())] == [None, 4, None]


def test_after_replays_from_there_without_a_snapshot(server: Server) -> None:
    story = finished_story()
    with server.stream(path_of(story, "?after=0")) as reader:
        assert [seq for _, seq in told(reader.rest())] == [None, 1, 2, 3, 4, None]
    with server.stream(path_of(story, "?after=4")) as reader:
        assert [seq for _, seq in told(reader.rest())] == [None, 4, None]
    with server.stream(path_of(story, "?after=0"), Last_Event_ID=f"{story.id}:2") as reader:
        assert [seq for _, seq in told(reader.rest())] == [None, 3, 4, None]
    assert server.get(path_of(story, "?after=x")).status_code == 400


def test_events_filters_by_type_and_the_terminal_event_passes(server: Server) -> None:
    story = Story()
    with server.stream(path_of(story, "?events=node.started,node.failed")) as reader:
        opened(reader)
        story.start()
        story.say("node.started", nodeId="a")
        story.say("node.progress", nodeId="a")
        story.finish()
        assert told(reader.rest()) == [
            ("node.started", 3),
            ("workflow.completed", 5),
            ("workflow.result", None),
        ]


def test_an_unknown_execution_is_404_as_a_problem(server: Server) -> None:
    answer = server.get("/workflow/executions/nobody/stream")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["error"] == answer.json()["detail"] == "Execution 'nobody' not found"
    assert server.get("/workflow/executions/no%20id/stream?wait=1").status_code == 404


def test_wait_waits_for_an_execution_that_is_not_there_yet(server: Server) -> None:
    execution_id = new_id()
    with server.stream(f"/workflow/executions/{execution_id}/stream?wait=1") as reader:
        reader.until("heartbeat")
        story = Story(execution_id)
        snapshot = reader.until("execution.snapshot")[-1]
        story.finish()
        reader.until("workflow.result")
    assert snapshot.data["seq"] == 1


def test_a_quiet_stream_beats(server: Server) -> None:
    with server.stream(path_of(Story())) as reader:
        opened(reader)
        beats = [reader.next(), reader.next()]
    assert [(beat.event, beat.id) for beat in beats] == [("heartbeat", None)] * 2
    assert 300 < beats[1].data["timestamp"] - beats[0].data["timestamp"] < 1500


def test_lost_notifications_cost_a_second_and_nothing_else(server: Server) -> None:
    story = Story()
    with server.stream(path_of(story)) as reader:
        opened(reader)
        story.loud = False
        story.say("node.progress", 5)
        story.finish()
        assert [seq for _, seq in told(reader.rest())] == [2, 3, 4, 5, 6, 7, None]


def test_a_long_log_is_caught_up_page_by_page(server: Server) -> None:
    story = Story()
    story.loud = False
    story.say("node.progress", 450)
    with server.stream(path_of(story, "?after=0")) as reader:
        story.finish()
        assert [seq for _, seq in told(reader.rest())] == [None, *range(1, 453), None]


def test_a_dialect_is_refused_while_there_is_none(server: Server) -> None:
    answer = server.get(path_of(Story(), "?dialect=n8n"))
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/problem+json")
    assert "n8n" in answer.json()["detail"]


@pytest.mark.parametrize("prefix", ["/workflow", "/api/workflow"])
@pytest.mark.parametrize("slash", ["", "/"])
def test_both_prefixes_with_and_without_a_slash(server: Server, prefix: str, slash: str) -> None:
    story = finished_story()
    answer = server.get(f"{prefix}/executions/{story.id}/stream{slash}", Last_Event_ID=f"{story.id}:4")
    assert answer.status_code == 204


def test_large_outputs_are_left_out_of_the_snapshot_and_the_result(server: Server) -> None:
    story = Story()
    large = {"text": "x" * 200_000}
    NodeRun.objects.create(
        execution_id=story.id, index=0, node_id="a", kind="procedure", status="completed", output=large,
        started_at=timezone.now(), ended_at=timezone.now(),
    )  # fmt: skip
    story.finish()
    with server.stream(path_of(story)) as reader:
        messages = {each.event: each.data for each in reader.rest()}
    assert messages["execution.snapshot"]["execution"]["outputs"] == {}
    assert messages["workflow.result"]["result"]["truncated"] is True
    assert messages["workflow.result"]["result"]["status"] == "completed"
    assert "outputs" not in messages["workflow.result"]["result"]


@pytest.mark.parametrize(
    "status", [ExecutionStatus.FAILED, ExecutionStatus.CANCELLED, ExecutionStatus.TIMED_OUT]
)
def test_every_kind_of_end_closes_the_stream(server: Server, status: ExecutionStatus) -> None:
    story = Story()
    with server.stream(path_of(story)) as reader:
        opened(reader)
        story.finish(status)
        assert told(reader.rest()) == [(f"workflow.{status}", 2), ("workflow.result", None)]


def test_an_execution_deleted_under_a_reader_ends_its_stream(server: Server) -> None:
    story = Story()
    with server.stream(path_of(story)) as reader:
        opened(reader)
        story.loud = False
        story.say("node.progress")
        Execution.objects.filter(pk=story.id).delete()
        reader.rest()


def test_viewers_of_one_execution_get_the_same(server: Server) -> None:
    story = Story()
    received: dict[int, Any] = {}
    ready = threading.Barrier(6)

    def watch(number: int) -> None:
        with server.stream(path_of(story)) as reader:
            opened(reader)
            ready.wait(10)
            received[number] = told(reader.rest())

    viewers = [threading.Thread(target=watch, args=[number]) for number in range(5)]
    for viewer in viewers:
        viewer.start()
    ready.wait(10)
    story.say("node.progress", 20)
    story.finish()
    for viewer in viewers:
        viewer.join(10)
    assert len(received) == 5
    assert all([seq for _, seq in each] == [*range(2, 23), None] for each in received.values())
