"""What the seeds fought for: the list is live, the end always arrives, what ran is kept."""

from __future__ import annotations

import httpx

from tests.seeds.definitions import like_long_running, steps
from tests.seeds.site import Site
from tests.seeds.streams import TERMINAL, Tail, Watcher
from tests.site.servers import until


def test_000_the_list_tells_live_what_runs(site: Site) -> None:
    """An execution appears without a reload, its status moves, and the counts with it."""
    with Tail(site.here("curl -N http://localhost:3000/workflow/executions-stream")) as tail:
        before = tail.until("executions.initial")[-1].data["stats"]
        execution_id = site.execute(steps(3, 0.4), **{"async": True})["executionId"]
        statuses, updates, events = [], [], []
        for frame in tail:
            if frame.event == "executions.update":
                updates.append(frame.data)
                statuses += [
                    row["status"] for row in frame.data["executions"] if row["executionId"] == execution_id
                ]
            elif frame.data.get("executionId") == execution_id:
                events.append(frame.event)
            if statuses[-1:] == ["completed"]:
                break

    assert statuses[0] == "running"
    assert "workflow.started" in events
    assert events.count("node.started") == events.count("node.completed") == 3
    assert updates[0]["stats"]["running"] == before["running"] + 1
    assert updates[-1]["stats"]["running"] == before["running"]
    assert updates[-1]["stats"]["completed"] == before["completed"] + 1
    assert updates[-1]["stats"]["total"] == before["total"] + 1


def test_001_the_end_arrives_however_often_the_connection_breaks(site: Site) -> None:
    execution_id = site.execute(like_long_running(0.5), **{"async": True})["executionId"]
    client = Watcher(site, execution_id)
    for most in (1, 2, 1, 3, 1, 2):
        client.watch(most)
        assert client.status_on_return() == 200
    client.watch_to_the_end()

    assert client.told == client.missed
    assert client.seen[-1].event == "workflow.completed"
    assert client.status_on_return() == 204
    assert client.last_id == f"{execution_id}:{client.told[-1]['seq']}"


def test_001_a_connection_that_breaks_right_before_the_end_loses_nothing(site: Site) -> None:
    """The seed's own case: everything ends while nobody listens."""
    execution_id = site.execute(steps(2, 0.5), **{"async": True})["executionId"]
    client = Watcher(site, execution_id)
    while not client.seen or client.told[-1].get("nodeId") != "step-2":
        client.watch(1)
    site.until_ended(execution_id)
    assert client.seen[-1].event == "node.started"

    assert client.watch()
    assert [frame.event for frame in client.seen[-2:]] == ["node.completed", "workflow.completed"]
    assert client.told == client.missed


def test_001_who_comes_back_with_any_id_but_the_last_gets_the_end(site: Site) -> None:
    execution_id = site.execute("simple-math-workflow")["executionId"]
    last = len(site.events(execution_id))
    path = f"{site.base}/workflow/executions/{execution_id}/stream"
    for seq in range(1, last):
        with Tail(f"curl -sN -H 'Last-Event-ID: {execution_id}:{seq}' {path}") as tail:
            frames = list(tail)
        assert [frame.id for frame in frames if frame.id] == [
            f"{execution_id}:{following}" for following in range(seq + 1, last + 1)
        ]
        assert frames[-1].event == "workflow.result"
    assert httpx.get(path, headers={"Last-Event-ID": f"{execution_id}:{last}"}).status_code == 204


def test_001_an_id_from_elsewhere_begins_anew(site: Site) -> None:
    execution_id = site.execute("simple-math-workflow")["executionId"]
    for wrong in (f"{execution_id}:4711", "another:3", "garbage"):
        path = f"{site.base}/workflow/executions/{execution_id}/stream"
        with Tail(f"curl -sN -H 'Last-Event-ID: {wrong}' {path}") as tail:
            events = [frame.event for frame in tail]
        assert events[:3] == ["workflow.stream.connected", "stream-reset", "execution.snapshot"]
        assert events[-2:] == ["workflow.completed", "workflow.result"]


def test_001_the_state_can_be_asked_for_as_well(site: Site) -> None:
    """The seed's fallback: GET tells the end that a stream would have told."""
    execution_id = site.execute(steps(2, 0.3), **{"async": True})["executionId"]
    ask = f"curl http://localhost:3000/api/workflow/executions/{execution_id}"

    assert site.curl(ask)["status"] == "running"
    until(lambda: site.curl(ask)["status"] == "completed")
    assert site.events(execution_id)[-1]["type"] in TERMINAL


def test_003_what_ran_is_stored_and_listed(site: Site) -> None:
    """While it runs and after: the row, its nodes, its outputs, its times, its spans."""
    started = site.execute(steps(2, 0.4), **{"async": True})
    execution_id = started["executionId"]
    running = site.execution(execution_id)
    assert running["status"] == "running"
    assert running["nodesExecuted"] == ["step-1"]
    assert running["nodeDetails"]["step-1"]["status"] == "running"

    kept = site.until_ended(execution_id)
    rows = site.curl("curl http://localhost:3000/workflow/executions")["executions"]
    assert kept["status"] == "completed"
    assert kept["nodesExecuted"] == ["step-1", "step-2"]
    assert [detail["status"] for detail in kept["nodeDetails"].values()] == ["completed", "completed"]
    assert all(detail["duration"] >= 400 for detail in kept["nodeDetails"].values())
    assert [output["seconds"] for output in kept["outputs"].values()] == [0.4, 0.4]
    assert [span["name"] for span in kept["spans"]][-1] == "workflow.execute"
    assert execution_id in [row["executionId"] for row in rows]


def test_003_the_same_id_does_not_overwrite_what_ran(site: Site) -> None:
    done = site.execute("simple-math-workflow")
    body = {"workflowId": "logging-workflow", "executionId": done["executionId"]}
    again = httpx.post(f"{site.base}/workflow/execute", json=body)

    assert again.status_code == 409
    assert site.execution(done["executionId"])["workflowId"] == "simple-math-workflow"
