"""The library over HTTP: list, read, publish, validate; and the catalogue of procedures."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.test import Client

from tests.api import stored
from workflows.models import Workflow, WorkflowVersion

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("library_workflows")]

PATH = "/workflow/definitions"


def put(client: Client, document: Any, workflow_id: str = "mine") -> Any:
    return client.put(f"{PATH}/{workflow_id}", document, content_type="application/json")


def mine(**changed: Any) -> dict[str, Any]:
    return {**stored.MATH, "id": "mine", "name": "Mine", **changed}


def test_workflows_are_listed_by_name(api: Client) -> None:
    rows = api.get(PATH).json()["workflows"]
    names = [row["name"] for row in rows]
    assert names == sorted(names) and "Simple Math Workflow" in names
    math = next(row for row in rows if row["id"] == "simple-math-workflow")
    assert math["nodeCount"] == 3 and math["version"] == "1.0.0" and math["workflowVersion"] == 1
    assert math["triggers"] == []


def test_workflows_come_in_pages(api: Client) -> None:
    whole = [row["id"] for row in api.get(PATH).json()["workflows"]]
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        body = api.get(PATH, {"limit": "2", "cursor": cursor}).json()
        found += [row["id"] for row in body["workflows"]]
        cursor = body["nextCursor"]
    assert found == whole


def test_a_list_does_not_fetch_documents(api: Client, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1) as captured:
        api.get(PATH)
    assert '"definition" FROM' not in captured.captured_queries[0]["sql"]


def test_a_definition_is_told_whole(api: Client) -> None:
    told = api.get(f"{PATH}/simple-math-workflow").json()
    assert told["definition"]["startNode"] == "add" and told["workflowVersion"] == 1
    assert api.get(f"/api{PATH}/simple-math-workflow/").json() == told


def test_an_unknown_workflow_or_version_is_a_404(api: Client) -> None:
    assert api.get(f"{PATH}/nobody").status_code == 404
    assert api.get(f"{PATH}/nobody/versions").status_code == 404
    assert api.get(f"{PATH}/simple-math-workflow?version=99").status_code == 404
    assert api.get(f"{PATH}/simple-math-workflow?version=x").status_code == 400


def test_publishing_makes_versions_and_unchanged_content_none(api: Client) -> None:
    first, same = put(api, mine()), put(api, mine())
    changed = put(api, mine(description="Better"))
    assert [first.status_code, same.status_code, changed.status_code] == [201, 200, 201]
    assert [r.json()["workflowVersion"] for r in (first, same, changed)] == [1, 1, 2]

    assert api.get(f"{PATH}/mine").json()["definition"]["description"] == "Better"
    assert api.get(f"{PATH}/mine?version=1").json()["definition"] == mine()

    rows = api.get(f"{PATH}/mine/versions").json()["versions"]
    assert [(row["workflowVersion"], row["current"]) for row in rows] == [(2, True), (1, False)]
    page = api.get(f"{PATH}/mine/versions", {"limit": 1}).json()
    rest = api.get(f"{PATH}/mine/versions", {"limit": 1, "cursor": page["nextCursor"]}).json()
    assert [row["workflowVersion"] for row in rest["versions"]] == [1]


def test_publishing_under_another_id_is_refused(api: Client) -> None:
    response = put(api, mine(), "other")
    assert response.status_code == 400 and response.json()["errors"][0]["pointer"] == "#/id"
    assert not Workflow.objects.filter(id__in=["mine", "other"]).exists()


def test_publishing_tells_every_problem_at_once(api: Client) -> None:
    nodes = [
        {"id": "a", "type": "procedure", "procedureName": "math.ad"},
        {"id": "a", "type": "wonder"},
    ]
    response = put(api, mine(nodes=nodes, startNode="b"))
    assert response.status_code == 400
    pointers = {error["pointer"] for error in response.json()["errors"]}
    assert {"#/nodes/0/procedureName", "#/nodes/1/type", "#/startNode"} <= pointers
    assert not Workflow.objects.filter(id="mine").exists()


@pytest.mark.parametrize("document", [[], "x", 1, None, {}, {"id": "mine"}, {"id": "mine", "nodes": "x"}])
def test_publishing_nonsense_is_a_400(api: Client, document: Any) -> None:
    assert put(api, document).status_code == 400


def test_validating_says_what_is_wrong_and_stores_nothing(api: Client) -> None:
    path = "/workflow/validate"
    before = WorkflowVersion.objects.count()
    good = api.post(path, mine(), content_type="application/json")
    assert good.json() == {"valid": True, "errors": []}
    bad = api.post(path, mine(startNode="nowhere"), content_type="application/json")
    assert bad.status_code == 200 and bad.json()["valid"] is False
    assert bad.json()["errors"][0]["pointer"] == "#/startNode" and bad.json()["errors"][0]["detail"]
    assert WorkflowVersion.objects.count() == before


def test_ten_thousand_nodes_harm_nobody(api: Client) -> None:
    nodes = [
        {
            "id": f"n{n}",
            "type": "procedure",
            "procedureName": "math.add",
            "config": {"a": n, "b": 1},
            "next": f"n{n + 1}",
        }
        for n in range(9_999)
    ]
    nodes.append(
        {"id": "n9999", "type": "procedure", "procedureName": "math.add", "config": {"a": 1, "b": 1}}
    )
    document = mine(nodes=nodes, startNode="n0")

    began = time.monotonic()
    response = put(api, document)
    assert response.status_code == 201, response.content[:500]
    assert api.get(PATH).json()["workflows"]
    started = api.post(
        "/workflow/execute", {"workflowId": "mine", "async": True}, content_type="application/json"
    )
    assert started.status_code == 202
    row = api.get("/workflow/executions").json()["executions"][0]
    assert row["progress"] == {"done": 0, "total": 10_000, "percent": 0}
    assert time.monotonic() - began < 30


def test_procedures_tell_their_schemas(api: Client) -> None:
    rows = api.get("/procedures").json()["procedures"]
    names = [row["name"] for row in rows]
    assert names == sorted(names) and {"math.add", "data.fetch", "custom.log"} <= set(names)
    add = next(row for row in rows if row["name"] == "math.add")
    assert set(add) == {"name", "description", "metadata", "inputSchema", "outputSchema"}
    assert set(add["inputSchema"]["properties"]) == {"a", "b"}


def test_procedures_come_in_pages(api: Client) -> None:
    whole = [row["name"] for row in api.get("/procedures?limit=200").json()["procedures"]]
    first = api.get("/procedures/?limit=3").json()
    second = api.get("/procedures", {"limit": 200, "cursor": first["nextCursor"]}).json()
    assert [row["name"] for row in first["procedures"] + second["procedures"]] == whole
