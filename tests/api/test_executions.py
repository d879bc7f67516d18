"""One execution: reading, deleting, commands, starting again."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from executions.models import Command, Event, Execution, NodeRun
from tests.api import stored

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("library_workflows")]


def post(client: Client, path: str, body: dict[str, Any] | None = None, **headers: str) -> Any:
    return client.post(path, body or {}, content_type="application/json", headers=headers)


def execute(client: Client, **body: Any) -> Any:
    """Start the math workflow, without waiting."""
    workflow = {} if "workflow" in body else {"workflowId": "simple-math-workflow"}
    return post(client, "/workflow/execute", {**workflow, "async": True, **body})


@pytest.mark.parametrize("slash", ["", "/"])
def test_an_execution_is_wrapped_here_and_bare_for_the_seeds_front_end(api: Client, slash: str) -> None:
    made = stored.execution()
    stored.node_run(made, "add", output={"result": 15})
    wrapped = api.get(f"/workflow/executions/{made.id}{slash}").json()
    bare = api.get(f"/api/workflow/executions/{made.id}{slash}").json()
    assert list(wrapped) == ["execution"] and wrapped["execution"] == bare
    assert bare["executionId"] == made.id and bare["outputs"] == {"add": {"result": 15}}


def test_deleting_leaves_nothing_behind(api: Client) -> None:
    made = stored.execution()
    stored.node_run(made, "add")
    stored.log(made, "workflow.queued", "workflow.completed")
    response = api.delete(f"/workflow/executions/{made.id}")
    assert response.status_code == 204 and response.content == b""
    assert not any(model.objects.exists() for model in (Execution, NodeRun, Event))
    assert api.get("/workflow/executions").json()["stats"]["total"] == 0


def test_an_alias_deletes_too(api: Client) -> None:
    assert api.delete(f"/api/workflow/executions/{stored.execution().id}").status_code == 204


@pytest.mark.parametrize(
    ("verb", "status"),
    [("cancel", "running"), ("cancel", "waiting"), ("pause", "queued"), ("resume", "paused")],
)
def test_a_command_is_stored_and_answered(api: Client, verb: str, status: str) -> None:
    made = stored.execution(status)
    response = post(api, f"/workflow/executions/{made.id}/{verb}", {})
    assert response.status_code == 202
    assert response.json()["execution"]["status"] == status
    command = Command.objects.get(execution=made)
    assert command.kind == verb and command.actor == "local operator"


def test_a_command_needs_no_body(api: Client) -> None:
    made = stored.execution("running")
    assert api.generic("POST", f"/workflow/executions/{made.id}/cancel").status_code == 202


def test_cancelling_keeps_its_reason(api: Client) -> None:
    made = stored.execution("running")
    body = {"reason": "wrong file", "force": True}
    assert post(api, f"/workflow/executions/{made.id}/cancel", body).status_code == 202
    assert Command.objects.get().payload == body


def test_a_retry_is_a_new_execution_of_the_same_version(api: Client) -> None:
    first = api.post(
        "/workflow/execute",
        {"workflowId": "simple-math-workflow", "async": True},
        content_type="application/json",
    )
    Execution.objects.update(status="failed", ended_at=stored.START)
    source = first.json()["executionId"]

    response = post(api, f"/workflow/executions/{source}/retry", {})

    assert response.status_code == 202
    made = response.json()["execution"]
    assert made["executionId"] != source and made["retryOf"] == source and made["status"] == "queued"
    assert response.headers["Location"] == f"/workflow/executions/{made['executionId']}"


def test_a_rerun_takes_the_same_input_or_another(api: Client) -> None:
    source = execute(api, input={"a": 1}).json()["executionId"]

    same = post(api, f"/workflow/executions/{source}/rerun").json()["execution"]
    other = post(api, f"/workflow/executions/{source}/rerun", {"input": {"a": 2}}).json()["execution"]
    latest = post(api, f"/workflow/executions/{source}/rerun", {"version": "latest"}).json()["execution"]

    assert same["input"] == latest["input"] == {"a": 1} and other["input"] == {"a": 2}
    assert same["rerunOf"] == other["rerunOf"] == source


def test_executing_later_answers_at_once_with_where_to_look(api: Client) -> None:
    body = {"workflowId": "simple-math-workflow", "input": None, "executionId": "mine-1", "async": True}
    response = api.post("/workflow/execute/", body, content_type="application/json; charset=utf-8")
    assert response.status_code == 202
    assert response.json() == {
        "executionId": "mine-1",
        "workflowId": "simple-math-workflow",
        "status": "queued",
    }
    assert api.get(response.headers["Location"]).json()["execution"]["input"] == {}


@pytest.mark.parametrize("prefer", ["respond-async", "wait=0", "RESPOND-ASYNC, wait=10", 'wait="0"'])
def test_a_preference_not_to_wait_is_kept(api: Client, prefer: str) -> None:
    response = post(api, "/workflow/execute", {"workflowId": "simple-math-workflow"}, prefer=prefer)
    assert response.status_code == 202


def test_the_pages_place_for_the_id_is_read_as_well(api: Client) -> None:
    response = execute(api, options={"executionId": "mine-2", "x": 1})
    assert response.json()["executionId"] == "mine-2"


def test_an_id_that_is_taken_is_a_409(api: Client) -> None:
    assert execute(api, executionId="mine").status_code == 202
    assert execute(api, executionId="mine").status_code == 409


def test_a_key_is_held_by_one_active_execution(api: Client) -> None:
    first = execute(api, key="order-1").json()["executionId"]

    conflict = execute(api, key="order-1")
    assert conflict.status_code == 409 and conflict.json()["executionId"] == first

    same = execute(api, key="order-1", onConflict="useExisting")
    assert same.status_code == 202 and same.json()["executionId"] == first


def test_what_is_told_of_a_start_is_stored(api: Client) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    body = {
        "workflowId": "simple-math-workflow",
        "tags": ["a"],
        "priority": 3,
        "timeoutMs": 1500,
        "async": True,
    }
    api.post(
        "/workflow/execute",
        body,
        content_type="application/json",
        headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"},
    )
    made = Execution.objects.get()
    assert (made.tags, made.priority, made.trace_id, made.trigger) == (["a"], 3, trace, "manual")
    assert made.deadline_at is not None


def test_an_inline_definition_is_told_all_its_problems_below_its_field(api: Client) -> None:
    workflow = {**stored.MATH, "startNode": "nowhere", "surprise": 1}
    response = execute(api, workflow=workflow)
    assert response.status_code == 400
    found = {error["pointer"] for error in response.json()["errors"]}
    assert {"#/workflow/startNode", "#/workflow/surprise"} <= found


def test_an_inline_definition_is_run_and_never_listed(api: Client) -> None:
    assert execute(api, workflow={**stored.MATH, "id": "mine"}).status_code == 202
    assert Execution.objects.get().workflow_id == "mine"
    assert "mine" not in [row["id"] for row in api.get("/workflow/definitions").json()["workflows"]]
