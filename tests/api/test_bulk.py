"""Bulk operations as the API takes and tells them; an executor's part is called by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from executions.models import BulkOperation, Command, Execution
from executions.operations import bulk
from tests.api import stored

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("library_workflows")]


def ask(client: Client, **body: Any) -> Any:
    return client.post("/workflow/executions/bulk", body, content_type="application/json")


def done(client: Client, response: Any) -> dict[str, Any]:
    """The operation, once there is nothing more to do."""
    assert response.status_code == 202, response.json()
    while bulk.advance():
        pass
    told: dict[str, Any] = client.get(response.headers["Location"]).json()["bulk"]
    return told


def signed_in(user: User) -> Client:
    client = Client(headers={"host": "localhost"})
    client.force_login(user)
    return client


def cancelled() -> set[str]:
    return set(Command.objects.filter(kind="cancel").values_list("execution_id", flat=True))


def test_a_filter_is_worked_off_page_by_page(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "PAGE", 3)
    meant = {stored.execution("running").id for _ in range(7)}
    stored.execution("waiting"), stored.execution("completed")
    response = ask(api, action="cancel", filter={"status": "running"}, options={"reason": "enough"})
    begun = response.json()["bulk"]
    assert (begun["status"], begun["total"], begun["applied"]) == ("running", 7, 0)
    assert bulk.advance()
    half = api.get(f"/workflow/bulk/{begun['bulkId']}").json()["bulk"]
    assert (half["status"], half["applied"]) == ("running", 3)
    told = done(api, response)
    assert (told["status"], told["applied"], told["refused"]) == ("completed", 7, 0)
    assert cancelled() == meant and Command.objects.count() == 7
    assert Command.objects.first().payload["reason"] == "enough"  # type: ignore[union-attr]


def test_what_comes_or_ends_later_than_the_operation_began_is_left_out(api: Client) -> None:
    old = stored.execution("failed")
    response = ask(api, action="retry", filter={"workflowId": old.workflow_id, "status": ["failed"]})
    later = timezone.now() + timedelta(seconds=5)
    queued_later = stored.execution("failed", queued_at=later, ended_at=later)
    ended_later = stored.execution("failed", ended_at=later)
    told = done(api, response)
    assert (told["applied"], told["refused"]) == (1, 0)
    assert Execution.objects.get(retry_of__isnull=False).retry_of_id == old.id
    assert not Execution.objects.filter(retry_of__in=[queued_later, ended_later]).exists()


def test_what_is_refused_is_told_and_the_rest_is_done(api: Client) -> None:
    running, ended = stored.execution("running"), stored.execution("completed")
    told = done(api, ask(api, action="pause", ids=[running.id, ended.id, "nobody", running.id]))
    assert (told["total"], told["applied"], told["refused"]) == (3, 1, 2)
    assert [one["executionId"] for one in told["problems"]] == [ended.id, "nobody"]
    assert "cannot pause" in told["problems"][0]["detail"] and "not found" in told["problems"][1]["detail"]


@pytest.mark.parametrize(
    ("action", "options", "status", "kind"),
    [
        ("terminate", {"reason": "r"}, "running", "cancel"),
        ("resume", {}, "paused", "resume"),
        ("signal", {"name": "go", "payload": [1]}, "waiting", "signal"),
    ],
)
def test_every_word_can_be_said_to_many(
    api: Client, action: str, options: dict[str, Any], status: str, kind: str
) -> None:
    ids = [stored.execution(status).id for _ in range(2)]
    assert done(api, ask(api, action=action, ids=ids, options=options))["applied"] == 2
    assert set(Command.objects.values_list("kind", flat=True)) == {kind}


def test_many_are_deleted_or_run_again(api: Client) -> None:
    ids = [stored.execution("failed").id for _ in range(2)]
    assert done(api, ask(api, action="rerun", ids=ids, options={"version": "latest"}))["applied"] == 2
    assert Execution.objects.filter(rerun_of__in=ids).count() == 2
    assert done(api, ask(api, action="delete", ids=ids))["applied"] == 2
    assert not Execution.objects.filter(pk__in=ids).exists()


def test_a_dry_run_counts_and_does_nothing(api: Client) -> None:
    stored.execution("failed"), stored.execution("failed")
    response = ask(api, action="delete", filter={"status": "failed"}, dryRun=True)
    assert (response.status_code, response.json()) == (200, {"total": 2})
    assert not BulkOperation.objects.exists()


def test_a_cancelled_operation_does_nothing_more(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "PAGE", 1)
    ids = [stored.execution("running").id for _ in range(3)]
    begun = ask(api, action="cancel", ids=ids).json()["bulk"]
    bulk.advance()
    path = f"/workflow/bulk/{begun['bulkId']}/cancel"
    response = api.post(path, {}, content_type="application/json")
    assert (response.status_code, response.json()["bulk"]["status"]) == (202, "cancelled")
    assert not bulk.advance()
    assert api.get(f"/workflow/bulk/{begun['bulkId']}").json()["bulk"]["applied"] == 1


def test_operations_are_listed_newest_first_in_pages(api: Client) -> None:
    ids = [ask(api, action="pause", ids=["x"]).json()["bulk"]["bulkId"] for _ in range(3)]
    first = api.get("/workflow/bulk?limit=2").json()
    rest = api.get(f"/workflow/bulk?limit=2&cursor={first['nextCursor']}").json()
    assert sorted(one["bulkId"] for one in first["bulk"] + rest["bulk"]) == sorted(ids)
    assert rest["nextCursor"] is None and "ids" in rest["bulk"][0]
    assert api.get("/workflow/bulk/nobody").status_code == 404


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"action": "explode", "ids": ["x"]}, "#/action"),
        ({"action": "cancel"}, "#/filter"),
        ({"action": "cancel", "ids": ["x"], "filter": {"status": "running"}}, "#/filter"),
        ({"action": "cancel", "ids": []}, "#/ids"),
        ({"action": "cancel", "filter": {}}, "#/filter"),
        ({"action": "cancel", "filter": {"statuss": "running"}}, "#/filter/statuss"),
        ({"action": "cancel", "filter": {"status": "runing"}}, "#/filter/status"),
        ({"action": "cancel", "filter": {"since": "yesterday"}}, "#/filter/since"),
        ({"action": "pause", "ids": ["x"], "options": {"reason": "r"}}, "#/options/reason"),
        ({"action": "signal", "ids": ["x"]}, "#/options/name"),
    ],
)
def test_what_cannot_be_meant_is_told(api: Client, body: dict[str, Any], pointer: str) -> None:
    response = ask(api, **body)
    assert response.status_code == 400
    assert pointer in [error["pointer"] for error in response.json()["errors"]]
    assert not BulkOperation.objects.exists()


def test_it_has_the_rights_of_who_asked_for_it_as_they_are_then(anybody: Client, viewer: User) -> None:
    ids = [stored.execution("running").id]
    assert ask(signed_in(viewer), action="cancel", ids=ids).status_code == 403
    viewer.user_permissions.add(*stored.permissions("change_execution"))
    operator = signed_in(User.objects.get(pk=viewer.pk))
    response = ask(operator, action="cancel", ids=ids)
    viewer.user_permissions.remove(*stored.permissions("change_execution"))
    told = done(operator, response)
    assert (told["applied"], told["refused"]) == (0, 1)
    assert "may not cancel" in told["problems"][0]["detail"]


def test_who_has_gone_has_no_rights_any_more(anybody: Client, admin_user: User) -> None:
    ids = [stored.execution("running").id]
    begun = bulk.begin("cancel", ids=ids, user=User.objects.create_superuser("gone"))
    User.objects.get(username="gone").delete()
    bulk.advance()
    begun.refresh_from_db()
    assert (begun.applied, begun.refused) == (0, 1)


def test_only_who_may_the_verb_may_stop_it(anybody: Client, viewer: User, admin_user: User) -> None:
    begun = bulk.begin("cancel", ids=["x"])
    path = f"/workflow/bulk/{begun.pk}/cancel"
    for user, status in ((viewer, 403), (admin_user, 202)):
        response = signed_in(user).post(path, {}, content_type="application/json")
        assert response.status_code == status


def test_operations_take_turns(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "PAGE", 1)
    large = ask(api, action="pause", ids=[stored.execution("running").id for _ in range(5)])
    small = ask(api, action="pause", ids=[stored.execution("running").id])
    BulkOperation.objects.filter(pk=small.json()["bulk"]["bulkId"]).update(
        updated_at=timezone.now() + timedelta(microseconds=1)
    )
    for _ in range(4):
        bulk.advance()
    told = {name: api.get(r.headers["Location"]).json()["bulk"] for name, r in (("l", large), ("s", small))}
    assert told["s"]["applied"] == 1 and told["l"]["applied"] < 5
