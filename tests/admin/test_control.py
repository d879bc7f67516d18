"""Bulk operations, events, letters, queues and lanes in the admin: to look at, and to stop."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from executions.models import BulkOperation, Emission, Lane, Letter, Queue, Slot
from executions.operations import bulk
from tests.admin.conftest import an_execution
from workflows.models import WorkflowVersion

pytestmark = pytest.mark.django_db

PATH = "/admin/c4c_executions"


def test_everything_has_a_list_and_a_page_that_changes_nothing(
    admin: Client, version: WorkflowVersion
) -> None:
    an_execution(version, "one").save()
    rows = [
        bulk.begin("cancel", ids=["one"], options={"reason": "a reason"}),
        Emission.objects.create(name="paid", payload={"sum": "a sum"}),
        Letter.objects.create(recipient_id="one", kind="child", payload={"a": "letter"}),
        Queue.objects.create(name="slow"),
        Lane.objects.create(name="a lane", queue="slow", gate=[{"limit": 3}]),
        Slot.objects.create(key="a key", execution_id="one"),
    ]
    for row in rows:
        path = f"{PATH}/{row._meta.model_name}"
        assert admin.get(f"{path}/").status_code == 200
        page = admin.get(f"{path}/{row.pk}/change/")
        assert page.status_code == 200 and 'name="_save"' not in page.content.decode()
        assert admin.get(f"{path}/add/").status_code == 403
        assert admin.post(f"{path}/{row.pk}/delete/", {"post": "yes"}).status_code == 403


def test_a_bulk_operation_is_stopped_by_who_may_its_verb(admin: Client, client: Client) -> None:
    deleting, pausing = (bulk.begin(action, ids=["x"]) for action in ("delete", "pause"))
    operator = User.objects.create_user("operator", is_staff=True)
    names = ("view_bulkoperation", "change_execution")
    operator.user_permissions.set(Permission.objects.filter(codename__in=names))
    client.force_login(operator)
    page = _stop(client, deleting, pausing)
    assert "you may not delete executions" in page
    assert dict(BulkOperation.objects.values_list("action", "status")) == {
        "delete": "running",
        "pause": "cancelled",
    }


def _stop(client: Client, *operations: BulkOperation) -> str:
    data = {"action": "stop", "_selected_action": [one.pk for one in operations], "index": "0"}
    return client.post(f"{PATH}/bulkoperation/", data, follow=True).content.decode()
