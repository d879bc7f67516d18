"""Who may do what: the local operator, people who have signed in, strangers, and foreign pages."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.test import Client, RequestFactory
from django.urls import URLPattern

from executions import checks
from executions.api import urls
from executions.models import Execution
from executions.permissions import (
    LOCAL_OPERATOR,
    PERMISSIONS,
    configuration_problem,
    is_foreign,
    is_loopback,
    may,
    startup_problem,
)
from tests.api import stored

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("library_workflows")]

BODY = {"workflowId": "simple-math-workflow", "async": True}
OUR_PAGE = {"origin": "http://localhost:3000", "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors"}


def start(client: Client, **headers: str) -> Any:
    return client.post("/workflow/execute", BODY, content_type="application/json", headers=headers)


def test_the_seeds_curl_lines_need_nothing_on_a_developers_machine(api: Client) -> None:
    assert start(api).status_code == 202
    assert api.get("/workflow/executions").status_code == 200


def test_our_own_pages_may_write(api: Client) -> None:
    assert start(api, **OUR_PAGE).status_code == 202


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:8000"},
        {"origin": "https://localhost:3000"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"},
        {"sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"},
    ],
)
def test_a_foreign_page_cannot_drive_a_developers_server(api: Client, headers: dict[str, str]) -> None:
    assert start(api, **headers).status_code in (401, 403)
    assert not Execution.objects.exists()


def test_a_foreign_page_cannot_read_a_developers_server(api: Client) -> None:
    response = api.get("/workflow/executions", headers={"origin": "https://evil.example"})
    assert response.status_code in (401, 403)


def test_a_followed_link_is_no_attack(api: Client) -> None:
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert api.get("/workflow/executions", headers=headers).status_code == 200


def test_a_page_that_cors_allows_may_write(api: Client, settings: Any) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["http://localhost:8000"]
    asked = {
        "origin": "http://localhost:8000",
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type, idempotency-key, prefer",
    }
    allowed = api.options("/workflow/execute", headers=asked).headers
    assert allowed["Access-Control-Allow-Origin"] == "http://localhost:8000"
    assert {"idempotency-key", "prefer"} <= set(allowed["Access-Control-Allow-Headers"].split(", "))
    response = start(api, origin="http://localhost:8000")
    assert response.status_code == 202
    assert "Location" in response.headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "192.168.1.7"])
def test_a_foreign_name_that_resolves_here_is_not_the_operator(api: Client, settings: Any, host: str) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    assert start(api, host=host).status_code == 401


@pytest.mark.parametrize(
    ("name", "addresses"),
    [("REMOTE_ADDR", "192.168.1.7"), ("REMOTE_ADDR", ""), ("HTTP_X_FORWARDED_FOR", "10.0.0.1, 127.0.0.1")],
)
def test_another_machine_is_not_the_operator(api: Client, name: str, addresses: str) -> None:
    api.defaults[name] = addresses
    assert api.get("/workflow/executions").status_code == 401


@pytest.mark.parametrize("changed", [{"DEBUG": False}, {"C4C": {"HOST": "0.0.0.0"}}, {"C4C": {}}])
def test_there_is_no_operator_without_debug_or_beyond_loopback(
    api: Client, settings: Any, changed: dict[str, Any]
) -> None:
    for name, value in changed.items():
        setattr(settings, name, value)
    response = api.get("/workflow/executions")
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Basic")


def test_health_is_for_everybody(anybody: Client) -> None:
    assert anybody.get("/health").json() == {"status": "ok"}
    assert anybody.get("/health/ready").status_code == 200


def test_a_stranger_gets_nothing_else(anybody: Client) -> None:
    for route in (
        "workflow/executions",
        "procedures",
        "metrics",
        "openapi.json",
        "docs",
        "workflow/definitions",
    ):
        assert anybody.get(f"/{route}").status_code == 401, route


def test_a_script_in_a_page_is_not_asked_for_a_password(anybody: Client) -> None:
    response = anybody.get("/workflow/executions", headers={"sec-fetch-mode": "cors"})
    assert not response.headers["WWW-Authenticate"].startswith("Basic")


def test_a_name_and_password_suffice_for_a_program(anybody: Client, viewer: User) -> None:
    basic = "Basic " + base64.b64encode(b"viewer:secret").decode()
    assert anybody.get("/workflow/executions", headers={"authorization": basic}).status_code == 200
    wrong = "Basic " + base64.b64encode(b"viewer:wrong").decode()
    assert anybody.get("/workflow/executions", headers={"authorization": wrong}).status_code == 401


def test_who_may_look_may_not_act(anybody: Client, viewer: User) -> None:
    made, ended = stored.execution("running"), stored.execution("failed")
    anybody = Client(headers={"host": "localhost"})
    anybody.force_login(viewer)
    assert anybody.get("/workflow/executions").status_code == 200
    assert start(anybody).status_code == 403
    for verb in ("cancel", "terminate", "pause", "resume", "retry", "rerun"):
        response = anybody.post(f"/workflow/executions/{made.id}/{verb}", {}, content_type="application/json")
        assert response.status_code == 403, verb
    for route, body in (
        (f"executions/{made.id}/signal", {"name": "go"}),
        ("events", {"name": "paid"}),
        ("executions/bulk", {"action": "cancel", "ids": [made.id]}),
        ("definitions/simple-math-workflow/migrate", {"to": 1}),
    ):
        response = anybody.post(f"/workflow/{route}", body, content_type="application/json")
        assert response.status_code == 403, route
    assert anybody.delete(f"/workflow/executions/{ended.id}").status_code == 403
    assert anybody.get("/procedures").status_code == 403


def test_a_session_needs_its_csrf_token_to_write(anybody: Client, admin_user: User) -> None:
    anybody.force_login(admin_user)
    assert start(anybody).status_code == 403
    anybody.cookies["csrftoken"] = "a" * 32
    assert start(anybody, **{"X-CSRFToken": "a" * 32}).status_code == 202


def test_a_foreign_page_cannot_use_somebodys_password(anybody: Client, admin_user: User) -> None:
    basic = "Basic " + base64.b64encode(b"admin:password").decode()
    assert start(anybody, authorization=basic).status_code == 202
    assert start(anybody, authorization=basic, origin="https://evil.example").status_code == 403


def test_an_inline_definition_needs_the_right_to_publish(anybody: Client, viewer: User) -> None:
    viewer.user_permissions.add(*stored.permissions("add_execution"))
    client = Client(headers={"host": "localhost"})
    client.force_login(viewer)
    assert start(client).status_code == 202
    body = {"workflow": {**stored.MATH, "id": "mine"}, "async": True}
    assert client.post("/workflow/execute", body, content_type="application/json").status_code == 403


def test_a_stack_is_for_those_who_operate(anybody: Client, viewer: User, admin_user: User) -> None:
    made = stored.execution("failed", error={"name": "E", "message": "m", "nodeId": "add", "stack": "File …"})
    client = Client(headers={"host": "localhost"})
    for user, seen in ((viewer, False), (admin_user, True)):
        client.force_login(user)
        error = client.get(f"/workflow/executions/{made.id}").json()["execution"]["error"]
        assert ("stack" in error) is seen


@pytest.mark.parametrize("verb", sorted(PERMISSIONS))
def test_only_the_operator_and_superusers_may_everything(verb: str, admin_user: User) -> None:
    assert may(LOCAL_OPERATOR, verb) and may(admin_user, verb)
    assert not may(AnonymousUser(), verb) and not may(None, verb)
    assert not may(User.objects.create_user("plain"), verb)


def test_every_view_says_who_may_use_each_of_its_methods() -> None:
    patterns = [pattern for pattern in urls.urlpatterns if isinstance(pattern, URLPattern)]
    views: set[Any] = {vars(pattern.callback)["cls"] for pattern in patterns}
    assert len(views) > 15
    for view in views:
        methods = {name.upper() for name in ("get", "post", "put", "delete") if hasattr(view, name)}
        assert methods == set(view.verbs), view


@pytest.mark.parametrize(
    ("host", "yes"),
    [
        ("localhost", True),
        ("app.localhost", True),
        ("127.8.9.1", True),
        ("[::1]", True),
        ("::1", True),
        ("", False),
        ("0.0.0.0", False),
        ("::", False),
        ("localhost.evil.example", False),
        ("example.org", False),
    ],
)
def test_loopback_is_told_by_name_and_address(host: str, yes: bool) -> None:
    assert is_loopback(host) is yes


def test_curl_is_never_foreign() -> None:
    assert not is_foreign(RequestFactory().post("/"))


def test_a_server_that_others_reach_refuses_to_start_unprepared(settings: Any) -> None:
    settings.C4C, settings.DEBUG, settings.SECRET_KEY = {"HOST": "0.0.0.0"}, True, "development-only"
    assert "DEBUG" in str(configuration_problem())
    settings.DEBUG = False
    assert "SECRET_KEY" in str(configuration_problem())
    settings.SECRET_KEY = "long and secret and only ours"
    assert configuration_problem() is None
    assert "createsuperuser" in str(startup_problem())
    User.objects.create_superuser("admin")
    assert startup_problem() is None


def test_a_server_on_loopback_starts_as_it_is(settings: Any) -> None:
    settings.C4C, settings.DEBUG, settings.SECRET_KEY = {"HOST": "127.0.0.1"}, True, "development-only"
    assert startup_problem() is None


def test_a_misspelt_setting_is_told_with_the_nearest_name(settings: Any) -> None:
    settings.C4C = {"THREDS": 3}
    [message] = checks.check_names()
    assert "THREDS" in message.msg and "THREADS" in str(message.hint)
