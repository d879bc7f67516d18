"""Cancel, pause, resume, retry and delete from the list: the verbs of everywhere else, for who may."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from executions.models import Command, Event, Execution, NodeRun
from tests.admin.conftest import a_node_run, an_event, an_execution
from workflows.models import WorkflowVersion

LIST = "/admin/c4c_executions/execution/"


def test_terminate_is_a_cancel_that_does_not_wait(admin: Client, version: WorkflowVersion) -> None:
    an_execution(version, "one", status="running", ended_at=None).save()
    _do(admin, "terminate", "one")
    assert Command.objects.get().payload == {"reason": "", "force": True}


def test_run_again_makes_a_new_execution(admin: Client, version: WorkflowVersion) -> None:
    an_execution(version, "one").save()
    _do(admin, "rerun", "one")
    assert Execution.objects.get(rerun_of="one").status == "queued"


@pytest.mark.parametrize("verb", ["cancel", "pause"])
def test_a_verb_goes_into_the_inbox_with_the_name_of_who_asked(
    admin: Client, version: WorkflowVersion, verb: str
) -> None:
    an_execution(version, "one", status="running", ended_at=None).save()
    page = _do(admin, verb, "one")
    command = Command.objects.get()
    assert (command.kind, command.execution_id, command.actor) == (verb, "one", "admin")
    assert f"{verb.capitalize()}: 1 of 1 accepted" in page


def test_what_a_status_does_not_allow_is_told_and_the_rest_is_done(
    admin: Client, version: WorkflowVersion
) -> None:
    an_execution(version, "ended").save()
    an_execution(version, "under-way", status="running", ended_at=None).save()
    page = _do(admin, "cancel", "ended", "under-way")
    assert [command.execution_id for command in Command.objects.all()] == ["under-way"]
    assert "Cancel: 1 of 2 accepted" in page
    assert "Ended: cannot cancel an execution that is completed" in page


def test_retry_makes_a_new_execution(admin: Client, version: WorkflowVersion) -> None:
    an_execution(version, "failed-one", status="failed").save()
    _do(admin, "retry", "failed-one")
    assert Execution.objects.get(retry_of="failed-one").status == "queued"


def test_somebody_who_may_only_look_is_offered_no_verb(client: Client, version: WorkflowVersion) -> None:
    an_execution(version, "one", status="running", ended_at=None).save()
    client.force_login(_person("viewer", "view_execution"))
    assert b'value="cancel"' not in client.get(LIST).content
    _do(client, "cancel", "one")
    assert not Command.objects.exists()


def test_somebody_who_may_change_may_cancel_and_not_delete(client: Client, version: WorkflowVersion) -> None:
    an_execution(version, "one", status="running", ended_at=None).save()
    client.force_login(_person("operator", "view_execution", "change_execution"))
    text = client.get(LIST).content.decode()
    assert 'value="cancel"' in text
    assert 'value="delete_selected"' not in text
    _do(client, "cancel", "one")
    assert Command.objects.get().actor == "operator"


def test_deleting_asks_first_and_then_takes_the_whole_history_along(
    admin: Client, version: WorkflowVersion
) -> None:
    execution = an_execution(version, "one")
    execution.save()
    a_node_run(execution)
    an_event(execution)
    assert "Are you sure" in _do(admin, "delete_selected", "one")
    assert Execution.objects.exists()
    _do(admin, "delete_selected", "one", post="yes")
    assert not Execution.objects.exists()
    assert not NodeRun.objects.exists()
    assert not Event.objects.exists()


def test_an_execution_under_way_is_not_deleted(admin: Client, version: WorkflowVersion) -> None:
    an_execution(version, "one", status="running", ended_at=None).save()
    assert "one is running: cancel it first" in _do(admin, "delete_selected", "one")
    _do(admin, "delete_selected", "one", post="yes")
    assert admin.post(f"{LIST}one/delete/", {"post": "yes"}).status_code == 403
    assert Execution.objects.exists()


def test_a_single_ended_execution_is_deleted_from_its_page(admin: Client, version: WorkflowVersion) -> None:
    an_execution(version, "one").save()
    assert b"Are you sure" in admin.get(f"{LIST}one/delete/").content
    admin.post(f"{LIST}one/delete/", {"post": "yes"})
    assert not Execution.objects.exists()


def _do(client: Client, action: str, *ids: str, **more: str) -> str:
    data = {"action": action, "_selected_action": list(ids), **more}
    if not more:
        data["index"] = "0"
    return client.post(LIST, data, follow=True).content.decode()


def _person(name: str, *permissions: str) -> User:
    user = User.objects.create_user(name, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return user
