"""What a page of one row shows, and to whom."""

from __future__ import annotations

from django.contrib.auth.models import Permission, User
from django.test import Client

from tests.admin.conftest import a_node_run, an_event, an_execution
from workflows.models import WorkflowVersion

ERROR = {"name": "ValueError", "message": "no", "stack": "File secret.py, line 1"}


def test_an_execution_is_shown_whole_and_can_be_changed_by_nobody(
    admin: Client, version: WorkflowVersion
) -> None:
    an_execution(version, "one", result={"sum": 3}).save()
    page = admin.get("/admin/c4c_executions/execution/one/change/")
    text = page.content.decode()
    assert "secret_of_the_input" in text
    assert "1.204 s" in text
    assert "/admin/c4c_executions/noderun/?execution__id__exact=one" in text
    assert 'name="_save"' not in text
    assert admin.post("/admin/c4c_executions/execution/one/change/", {"status": "failed"}).status_code == 403


def test_a_stack_trace_is_for_those_who_operate(client: Client, version: WorkflowVersion) -> None:
    execution = an_execution(version, "one", status="failed", error=ERROR)
    execution.save()
    run = a_node_run(execution, status="failed", error=ERROR, attempts=[{"attempt": 1, "error": ERROR}])
    pages = ["/admin/c4c_executions/execution/one/change/", f"/admin/c4c_executions/noderun/{run.pk}/change/"]
    viewer = _person("viewer", "view_execution", "view_noderun")
    client.force_login(viewer)
    for page in pages:
        text = client.get(page).content.decode()
        assert "ValueError" in text
        assert "secret.py" not in text
    client.force_login(_person("operator", "view_execution", "view_noderun", "change_execution"))
    for page in pages:
        assert "secret.py" in client.get(page).content.decode()


def test_a_versions_definition_is_laid_out_as_json(admin: Client, version: WorkflowVersion) -> None:
    text = admin.get(f"/admin/c4c_workflows/workflowversion/{version.pk}/change/").content.decode()
    assert "&quot;startNode&quot;: &quot;add&quot;" in text
    assert 'name="_save"' not in text
    text = admin.get("/admin/c4c_workflows/workflow/demo/change/").content.decode()
    assert f"/admin/c4c_workflows/workflowversion/{version.pk}/change/" in text


def test_what_a_workflow_holds_is_shown_as_text_never_as_markup(
    admin: Client, version: WorkflowVersion
) -> None:
    an_execution(version, "one", input={"x": "<script>alert(1)</script>"}).save()
    assert b"<script>alert" not in admin.get("/admin/c4c_executions/execution/one/change/").content


def test_an_events_page_shows_its_data(admin: Client, version: WorkflowVersion) -> None:
    execution = an_execution(version, "one")
    execution.save()
    text = admin.get(f"/admin/c4c_executions/event/{an_event(execution).pk}/change/").content.decode()
    assert "manual" in text


def test_nobody_without_permission_sees_an_execution(client: Client, version: WorkflowVersion) -> None:
    an_execution(version, "one").save()
    client.force_login(_person("stranger"))
    assert client.get("/admin/c4c_executions/execution/").status_code == 403
    assert client.get("/admin/c4c_executions/execution/one/change/").status_code == 403


def _person(name: str, *permissions: str) -> User:
    user = User.objects.create_user(name, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return user
