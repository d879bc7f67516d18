"""Lists: filters, pages that hold while executions come and go, and their cost."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client

from executions.models import Execution
from tests.api import stored

pytestmark = pytest.mark.django_db

LIST = "/workflow/executions"
WHOLE_LOG = ("workflow.queued", "workflow.started", "node.started", "node.completed", "workflow.completed")


def ids(response: Any) -> list[str]:
    assert response.status_code == 200, response.content
    return [row["executionId"] for row in response.json()["executions"]]


def test_the_newest_execution_comes_first(api: Client) -> None:
    made = [stored.execution().id for _ in range(3)]
    assert ids(api.get(LIST)) == made[::-1]


@pytest.mark.parametrize("path", [LIST, f"{LIST}/", f"/api{LIST}", f"/api{LIST}/"])
def test_a_list_is_served_at_all_its_addresses(api: Client, path: str) -> None:
    made = stored.execution()
    response = api.get(path)
    assert ids(response) == [made.id]
    assert response.json()["stats"]["total"] == 1 and response.json()["nextCursor"] is None


def test_pages_hold_while_executions_come(api: Client) -> None:
    made = [stored.execution().id for _ in range(7)]
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        body = api.get(LIST, {"limit": "2", "cursor": cursor})
        found += ids(body)
        cursor = body.json()["nextCursor"]
        stored.execution()
    assert found == made[::-1]


def test_pages_hold_while_executions_go_and_share_a_moment(api: Client) -> None:
    made = [stored.execution(queued_at=stored.START, id=f"same-{n}").id for n in range(6)]
    first = api.get(LIST, {"limit": 2})
    Execution.objects.filter(pk=made[4]).delete()
    second = api.get(LIST, {"limit": 10, "cursor": first.json()["nextCursor"]})
    assert ids(first) + ids(second) == made[::-1]


def test_the_link_header_leads_to_the_next_page_with_the_same_filters(api: Client) -> None:
    for _ in range(3):
        stored.execution(tags=["a b"])
    first = api.get(LIST, {"limit": "2", "tag": "a b"})
    link = first.headers["Link"]
    assert link.endswith('; rel="next"')
    assert len(ids(api.get(link[1 : link.index(">")]))) == 1
    assert "Link" not in api.get(LIST)


def test_a_cursor_of_other_filters_is_refused(api: Client) -> None:
    for _ in range(3):
        stored.execution()
    cursor = api.get(LIST, {"limit": 1}).json()["nextCursor"]
    assert api.get(LIST, {"limit": 1, "cursor": cursor, "status": "failed"}).status_code == 400
    assert api.get(LIST, {"limit": 1, "cursor": cursor[:-2] + "xx"}).status_code == 400
    assert api.get(f"{LIST}/{stored.execution().id}/nodes", {"cursor": cursor}).status_code == 400


def test_filters_narrow_and_negate(api: Client) -> None:
    done = stored.execution("completed", tags=["night", "eu"])
    failed = stored.execution("failed", tags=["night"], key="order-7")
    waits = stored.execution("waiting", trigger="schedule", parent=done)
    cases = {
        "status=failed": [failed],
        "status=failed&status=waiting": [waits, failed],
        "status=!failed": [waits, done],
        "tag=night": [failed, done],
        "tag=eu&tag=none": [done],
        "tag=!eu": [waits, failed],
        "workflowId=simple-math-workflow": [waits, failed, done],
        "workflowId=!simple-math-workflow": [],
        "trigger=schedule": [waits],
        f"parent={done.id}": [waits],
        "q=order-": [failed],
        f"q={done.id}": [done],
        "q=%25": [],
        "status=failed&tag=night&q=order": [failed],
        f"since={quote(failed.queued_at.isoformat())}": [waits, failed],
        f"until={quote(failed.queued_at.isoformat())}": [done],
        f"since={int(waits.queued_at.timestamp() * 1000)}": [waits],
    }
    for query, expected in cases.items():
        assert ids(api.get(f"{LIST}?{query}")) == [execution.id for execution in expected], query


def test_filters_do_not_change_the_stats(api: Client) -> None:
    stored.execution("completed")
    stored.execution("failed")
    assert api.get(LIST, {"status": "failed"}).json()["stats"]["total"] == 2


def test_a_row_has_spans_only_when_asked(api: Client) -> None:
    stored.node_run(stored.execution(), "add", output={"result": 15})
    assert api.get(LIST).json()["executions"][0]["spans"] == []
    assert len(api.get(LIST, {"include": "spans"}).json()["executions"][0]["spans"]) == 2


def test_a_request_for_a_page_takes_few_queries(api: Client, django_assert_max_num_queries: Any) -> None:
    for _ in range(60):
        stored.node_run(stored.execution(), "add", output={"result": 15})
    api.get(LIST)
    with django_assert_max_num_queries(4):
        assert len(ids(api.get(LIST, {"limit": 50}))) == 50


def test_node_runs_come_in_pages(api: Client) -> None:
    made = stored.execution("running")
    for number in range(5):
        stored.node_run(made, f"n{number}", output={"n": number})
    first = api.get(f"{LIST}/{made.id}/nodes", {"limit": 3}).json()
    second = api.get(f"{LIST}/{made.id}/nodes", {"limit": 3, "cursor": first["nextCursor"]}).json()
    assert [run["nodeId"] for run in first["nodes"] + second["nodes"]] == ["n0", "n1", "n2", "n3", "n4"]
    assert first["nodes"][1]["output"] == {"n": 1} and second["nextCursor"] is None


def test_the_log_is_read_from_any_place(api: Client) -> None:
    made = stored.execution()
    stored.log(
        made, "workflow.queued", "workflow.started", "node.started", "node.completed", "workflow.completed"
    )
    path = f"{LIST}/{made.id}/events"

    whole = api.get(path).json()
    assert [event["seq"] for event in whole["events"]] == [1, 2, 3, 4, 5]
    assert list(whole["events"][0])[:4] == ["type", "workflowId", "executionId", "seq"]
    assert whole["events"][0]["at"].endswith("Z")
    assert (whole["after"], whole["hasMore"], whole["terminal"]) == (5, False, True)

    part = api.get(path, {"after": 1, "limit": 2}).json()
    assert [event["seq"] for event in part["events"]] == [2, 3]
    assert (part["after"], part["hasMore"], part["terminal"]) == (3, True, False)

    only = api.get(f"{path}?type=node.started&type=workflow.completed").json()
    assert [event["type"] for event in only["events"]] == ["node.started", "workflow.completed"]

    assert api.get(path, {"after": 5}).json() == {
        "events": [],
        "after": 5,
        "hasMore": False,
        "terminal": True,
    }


def test_the_log_of_a_running_execution_is_not_terminal(api: Client) -> None:
    made = stored.execution("running")
    stored.log(made, "workflow.queued", "workflow.started")
    told = api.get(f"{LIST}/{made.id}/events").json()
    assert (told["after"], told["terminal"]) == (2, False)
