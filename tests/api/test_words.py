"""Signals, events and decisions: what the API puts into inboxes, and for whom."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client

from executions.models import Command, Emission, Execution, NodeRun
from tests.api import stored

pytestmark = pytest.mark.django_db

FORM = {"type": "object", "properties": {"amount": {"type": "number"}}, "required": ["amount"]}


def post(client: Client, path: str, body: dict[str, Any]) -> Any:
    return client.post(f"/workflow/{path}", body, content_type="application/json")


def waiting(status: str = "waiting", **approval: Any) -> tuple[Execution, NodeRun]:
    """An execution that waits for an approval."""
    made = stored.execution(status)
    asked = {"users": [], "groups": [], "message": "Ship it?", **approval}
    run = stored.node_run(made, "ask", "waiting", kind="wait", awaits="approval", input=asked)
    return made, run


def signed_in(user: User) -> Client:
    client = Client(headers={"host": "localhost"})
    client.force_login(user)
    return client


def test_a_signal_goes_into_the_inbox_and_the_execution_is_woken(api: Client) -> None:
    made = stored.execution("waiting", available_at=None)
    response = post(api, f"executions/{made.id}/signal", {"name": "go", "payload": {"a": [1]}})
    assert response.status_code == 202
    assert response.json()["execution"]["executionId"] == made.id
    word = Command.objects.get()
    assert (word.kind, word.payload, word.actor) == (
        "signal",
        {"name": "go", "payload": {"a": [1]}},
        "local operator",
    )
    made.refresh_from_db()
    assert made.inbox == 1 and made.available_at is not None


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled", "timed_out", "cancelling"])
def test_what_ends_takes_no_signal(api: Client, status: str) -> None:
    response = post(api, f"executions/{stored.execution(status).id}/signal", {"name": "go"})
    assert response.status_code == 409
    assert "signal" not in response.json()["allowedActions"]


@pytest.mark.parametrize("name", ["", "x" * 201, 3, None])
def test_a_name_that_is_none_is_told(api: Client, name: Any) -> None:
    made = stored.execution("waiting")
    for path in (f"executions/{made.id}/signal", "events"):
        response = post(api, path, {"name": name})
        assert response.status_code == 400
        assert response.json()["errors"][0]["pointer"] == "#/name"


def test_a_payload_that_is_too_large_is_a_413(api: Client, settings: Any) -> None:
    settings.C4C = {**settings.C4C, "MAX_INPUT_BYTES": 100}
    made = stored.execution("waiting")
    for path in (f"executions/{made.id}/signal", "events"):
        assert post(api, path, {"name": "go", "payload": "x" * 200}).status_code == 413


def test_terminating_is_cancelling_with_force(api: Client) -> None:
    made = stored.execution("cancelling")
    assert post(api, f"executions/{made.id}/terminate", {"reason": "enough"}).status_code == 202
    assert Command.objects.get().payload == {"reason": "enough", "force": True}


def test_an_event_is_emitted(api: Client) -> None:
    response = post(api, "events", {"name": "paid", "key": "order-1", "payload": {"sum": 3}})
    assert response.status_code == 202
    emitted = Emission.objects.get()
    assert response.json()["eventId"] == emitted.pk
    assert (emitted.name, emitted.key, emitted.payload, emitted.delivered_at) == (
        "paid",
        "order-1",
        {"sum": 3},
        None,
    )


def test_an_event_without_a_payload_has_an_empty_one(api: Client) -> None:
    post(api, "events", {"name": "paid"})
    assert Emission.objects.get().payload == {}


def test_an_approval_is_listed_and_decided_once(api: Client) -> None:
    made, run = waiting(users=["ann"])
    [listed] = api.get("/workflow/approvals").json()["approvals"]
    assert (listed["executionId"], listed["nodeId"], listed["message"]) == (made.id, "ask", "Ship it?")
    body = {"decision": "approved", "comment": "fine", "payload": {"a": 1}}
    response = post(api, f"executions/{made.id}/decide", body)
    assert (response.status_code, response.json()["executionId"]) == (202, made.id)
    word = Command.objects.get()
    assert (word.kind, word.actor) == ("decide", "local operator")
    assert word.payload == {"run": run.index, "decision": "approved", "comment": "fine", "payload": {"a": 1}}
    again = post(api, f"executions/{made.id}/decide", {"decision": "refused"})
    assert again.status_code == 409 and "decided already" in again.json()["detail"]
    assert Command.objects.count() == 1
    for path in ("executions-stream", f"executions/{made}/stream"):
        assert api.get(f"/workflow/{path}").status_code == 501, "only ASGI serves streams"


def test_who_is_named_may_decide_and_needs_no_other_permission(anybody: Client) -> None:
    ann, bob, cat = (User.objects.create_user(name) for name in ("ann", "bob", "cat"))
    bob.groups.add(Group.objects.create(name="finance"))
    for user, status in ((cat, 403), (ann, 202)):
        made, _ = waiting(users=["ann"], groups=["finance"])
        response = post(signed_in(user), f"executions/{made.id}/decide", {"decision": "approved"})
        assert response.status_code == status
    made, _ = waiting(users=["ann"], groups=["finance"])
    assert post(signed_in(bob), f"executions/{made.id}/decide", {"decision": "refused"}).status_code == 202
    assert [word.actor for word in Command.objects.order_by("pk")] == ["ann", "bob"]


def test_an_approval_that_names_nobody_is_for_who_may_signal(anybody: Client, viewer: User) -> None:
    made, _ = waiting()
    path, body = f"executions/{made.id}/decide", {"decision": "approved"}
    assert post(signed_in(viewer), path, body).status_code == 403
    assert signed_in(viewer).get("/workflow/approvals").json()["approvals"] == []
    viewer.user_permissions.add(*stored.permissions("change_execution"))
    operator = User.objects.get(pk=viewer.pk)
    assert len(signed_in(operator).get("/workflow/approvals").json()["approvals"]) == 1
    assert post(signed_in(operator), path, body).status_code == 202


def test_everybody_sees_what_is_theirs_to_decide(anybody: Client, admin_user: User) -> None:
    ann, bob = User.objects.create_user("ann"), User.objects.create_user("bob")
    bob.groups.add(Group.objects.create(name="finance"))
    hers, _ = waiting(users=["ann"])
    his, _ = waiting(groups=["finance", "legal"])
    waiting("cancelling", users=["ann"])

    def listed(user: User) -> list[str]:
        rows = signed_in(user).get("/workflow/approvals").json()["approvals"]
        return [row["executionId"] for row in rows]

    assert (listed(ann), listed(bob), listed(admin_user)) == ([hers.id], [his.id], [hers.id, his.id])


def test_a_stranger_decides_nothing(anybody: Client) -> None:
    made, _ = waiting()
    assert post(anybody, f"executions/{made.id}/decide", {"decision": "approved"}).status_code == 401
    assert anybody.get("/workflow/approvals").status_code == 401


def test_approvals_come_in_pages(api: Client) -> None:
    ids = [waiting()[0].id for _ in range(3)]
    first = api.get("/workflow/approvals?limit=2").json()
    rest = api.get(f"/workflow/approvals?limit=2&cursor={first['nextCursor']}").json()
    assert [row["executionId"] for row in first["approvals"] + rest["approvals"]] == ids
    assert rest["nextCursor"] is None


def test_where_nothing_waits_for_an_approval_there_is_nothing_to_decide(api: Client) -> None:
    made = stored.execution("waiting")
    stored.node_run(made, "nap", "waiting", kind="delay")
    response = post(api, f"executions/{made.id}/decide", {"decision": "approved"})
    assert response.status_code == 409 and "does not wait for an approval" in response.json()["detail"]
    assert post(api, "executions/nobody/decide", {"decision": "approved"}).status_code == 404
    ended = stored.execution("completed")
    assert post(api, f"executions/{ended.id}/decide", {"decision": "approved"}).status_code == 409


def test_of_several_approvals_one_must_be_named(api: Client) -> None:
    made, first = waiting()
    second = stored.node_run(made, "ask", "waiting", kind="wait", awaits="approval", input=first.input)
    path = f"executions/{made.id}/decide"
    for body in ({"decision": "approved"}, {"decision": "approved", "nodeId": "ask"}):
        assert f"{made.id}.1" in post(api, path, body).json()["detail"]
    assert post(api, path, {"decision": "approved", "runId": f"{made.id}.1"}).status_code == 202
    assert Command.objects.get().payload["run"] == second.index


def test_an_approval_must_fit_its_form_and_a_refusal_need_not(api: Client) -> None:
    made, _ = waiting(form=FORM)
    path = f"executions/{made.id}/decide"
    wrong = post(api, path, {"decision": "approved", "payload": {"amount": "much"}})
    assert wrong.status_code == 400
    assert wrong.json()["errors"][0]["pointer"] == "#/payload/amount"
    assert post(api, path, {"decision": "refused"}).status_code == 202


@pytest.mark.django_db(transaction=True)
def test_a_project_with_atomic_requests_is_served_as_any_other(
    api: Client, library_workflows: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    started = post(api, "execute", {"workflowId": "simple-math-workflow", "async": True})
    assert started.status_code == 202
    made = started.json()["executionId"]
    assert post(api, f"executions/{made}/signal", {"name": "go"}).status_code == 202
    assert post(api, f"executions/{made}/retry", {}).status_code == 409
    assert Command.objects.count() == 1
    for path in ("executions-stream", f"executions/{made}/stream"):
        assert api.get(f"/workflow/{path}").status_code == 501, "only ASGI serves streams"
