"""Every refusal is a problem that a program can read, and harms nobody."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from executions import queries
from executions.api.views.health import CHECKS
from executions.models import Execution
from tests.api import stored

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("library_workflows")]

EXECUTE = "/workflow/execute"


def post(client: Client, body: bytes | dict[str, Any], path: str = EXECUTE, **more: Any) -> Any:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(path, data, content_type=more.pop("content_type", "application/json"), **more)


def assert_problem(response: Any, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.content
    assert response.headers["Content-Type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert {"type", "title", "status", "detail", "instance", "error"} <= problem.keys()
    assert problem["status"] == status and problem["error"] == problem["detail"]
    assert "Traceback" not in response.content.decode()
    return problem


def pointers(problem: dict[str, Any]) -> set[str]:
    return {error["pointer"] for error in problem["errors"]}


def test_an_unknown_execution_is_a_404(api: Client) -> None:
    problem = assert_problem(api.get("/workflow/executions/nobody"), 404)
    assert problem["instance"] == "/workflow/executions/nobody" and "nobody" in problem["detail"]


@pytest.mark.parametrize(
    "path", ["/workflow/nothing", "/api/workflow/nothing", "/workflow/executions/a/b/c/d"]
)
@pytest.mark.parametrize("accept", ["*/*", "text/html,*/*"])
def test_an_unknown_address_of_the_api_is_a_404_problem(api: Client, path: str, accept: str) -> None:
    assert_problem(api.get(path, headers={"accept": accept}), 404)


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/problem+json"])
def test_an_address_that_is_nobodys_is_a_404_problem(api: Client, accept: str) -> None:
    assert_problem(api.get("/nothing", headers={"accept": accept}), 404)


def test_a_page_that_is_not_there_stays_a_page_for_a_browser(api: Client) -> None:
    for path in ("/nothing", "/executions/nobody"):
        response = api.get(path, headers={"accept": "text/html,*/*;q=0.8"})
        assert response.status_code == 404 and response.headers["Content-Type"].startswith("text/html")


def test_a_pages_own_refusal_is_a_page_unless_json_is_asked_for(api: Client) -> None:
    assert api.get("/executions/nobody").headers["Content-Type"].startswith("text/html")
    assert_problem(api.get("/executions/nobody", headers={"accept": "application/json"}), 404)


def test_an_unknown_workflow_is_a_404_with_the_nearest_names(api: Client) -> None:
    problem = assert_problem(post(api, {"workflowId": "simple-maths-workflow"}), 404)
    assert "simple-math-workflow" in problem["nearest"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("put", EXECUTE),
        ("delete", EXECUTE),
        ("post", "/workflow/executions"),
        ("post", "/health"),
        ("patch", "/docs"),
    ],
)
def test_a_wrong_method_is_a_405(api: Client, method: str, path: str) -> None:
    response = getattr(api, method)(path)
    assert_problem(response, 405)
    assert response.headers["Allow"]


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml"],
)
def test_a_body_that_is_not_json_is_a_415(api: Client, kind: str) -> None:
    assert_problem(post(api, b'{"workflowId": "simple-math-workflow"}', content_type=kind), 415)
    assert not Execution.objects.exists()


@pytest.mark.parametrize(
    "body", [b"{", b"", b"nonsense", b'{"a": 1,}', b"\xff\xfe", b'{"workflowId": "\x01"}']
)
def test_broken_json_is_a_400(api: Client, body: bytes) -> None:
    assert_problem(post(api, body), 400)


@pytest.mark.parametrize("body", [b"[]", b"1", b"null", b'"text"'])
def test_json_that_is_no_object_is_a_400(api: Client, body: bytes) -> None:
    assert_problem(post(api, body), 400)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "#/workflowId"),
        ({"workflowId": "simple-math-workflow", "workflow": {}}, "#/workflow"),
        ({"workflowId": "simple-math-workflow", "input": [1]}, "#/input"),
        ({"workflowId": "simple-math-workflow", "input": "abc"}, "#/input"),
        ({"workflowId": "simple-math-workflow", "inptu": {}}, "#/inptu"),
        ({"workflowId": "simple-math-workflow", "executionId": "a b"}, "#/executionId"),
        ({"workflowId": "simple-math-workflow", "executionId": "x" * 65}, "#/executionId"),
        ({"workflowId": "simple-math-workflow", "priority": 10}, "#/priority"),
        ({"workflowId": "simple-math-workflow", "priority": True}, "#/priority"),
        ({"workflowId": "simple-math-workflow", "timeoutMs": 0}, "#/timeoutMs"),
        ({"workflowId": "simple-math-workflow", "timeoutMs": 10**18}, "#/timeoutMs"),
        ({"workflowId": "simple-math-workflow", "tags": ["ok", ""]}, "#/tags/1"),
        ({"workflowId": "simple-math-workflow", "onConflict": "shrug"}, "#/onConflict"),
        (
            {"workflowId": "simple-math-workflow", "executionId": "a", "options": {"executionId": "b"}},
            "#/options/executionId",
        ),
    ],
)
def test_a_bad_request_to_execute_points_at_the_place(
    api: Client, body: dict[str, Any], pointer: str
) -> None:
    assert pointer in pointers(assert_problem(post(api, body), 400))
    assert not Execution.objects.exists()


def test_all_problems_are_told_at_once(api: Client) -> None:
    body = {"workflowId": "simple-math-workflow", "priority": 10, "key": "", "wrong": 1}
    assert pointers(assert_problem(post(api, body), 400)) == {"#/priority", "#/key", "#/wrong"}


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        (r'{"a": "x\u0000y"}', "#/input/a"),
        (r'{"a~/\u0000": 1}', "#/input"),
        (r'{"list": [0, {"b": "\u0000"}]}', "#/input/list/1/b"),
        (r'{"a": "\ud800"}', "#/input/a"),
        ('{"a": NaN}', "#/input/a"),
        ('{"a": [Infinity]}', "#/input/a/0"),
        ('{"a": -Infinity}', "#/input/a"),
        ('{"a": 1e999}', "#/input/a"),
        ('{"a": 99999999999999999999999}', "#/input/a"),
    ],
)
def test_what_cannot_be_stored_is_a_400_with_its_place(api: Client, text: str, pointer: str) -> None:
    body = f'{{"workflowId": "simple-math-workflow", "input": {text}}}'.encode()
    assert pointer in pointers(assert_problem(post(api, body), 400))


@pytest.mark.parametrize("depth", [150, 5_000, 200_000])
def test_deep_nesting_is_a_400(api: Client, depth: int) -> None:
    body = b'{"workflowId": "simple-math-workflow", "input": {"a": ' + b"[" * depth + b"]" * depth + b"}}"
    assert_problem(post(api, body), 400)


def test_a_number_with_very_many_digits_is_a_400(api: Client) -> None:
    assert_problem(post(api, b'{"workflowId": "x", "input": {"a": ' + b"9" * 100_000 + b"}}"), 400)


def test_an_input_of_50_mb_is_a_413(api: Client) -> None:
    body = b'{"workflowId": "simple-math-workflow", "input": {"a": "' + b"x" * 50_000_000 + b'"}}'
    assert_problem(post(api, body), 413)
    assert api.get("/health").status_code == 200 and not Execution.objects.exists()


def test_an_input_above_the_limit_is_a_413_though_the_body_is_not(api: Client) -> None:
    problem = assert_problem(
        post(api, {"workflowId": "simple-math-workflow", "input": {"a": "x" * (1 << 20)}}), 413
    )
    assert problem["limit"] == 1 << 20


def test_an_input_at_the_limit_is_stored(api: Client) -> None:
    filling = (1 << 20) - len('{"note":""}')
    body = {"workflowId": "simple-math-workflow", "input": {"note": "x" * filling}, "async": True}
    assert post(api, body).status_code == 202


def test_a_nul_in_an_address_is_a_404(api: Client) -> None:
    assert_problem(api.get("/workflow/executions/a%00b"), 404)
    assert_problem(api.get("/workflow/definitions/%00"), 404)


@pytest.mark.parametrize(
    "query",
    [
        "status=excellent",
        "status=!excellent",
        "since=yesterday",
        "until=99999999999999999999",
        "limit=0",
        "limit=201",
        "limit=many",
        "limit=-1",
        "limit=²",
        "cursor=garbage",
        "cursor=%00",
        "q=%00",
        "workflowId=%00",
    ],
)
def test_a_bad_filter_is_a_400(api: Client, query: str) -> None:
    problem = assert_problem(api.get(f"/workflow/executions?{query}"), 400)
    assert pointers(problem) == {f"#/query/{query.partition('=')[0]}"}


@pytest.mark.parametrize("query", ["after=-1", "after=x", "after=99999999999", "limit=1001"])
def test_a_bad_place_in_the_log_is_a_400(api: Client, query: str) -> None:
    assert_problem(api.get(f"/workflow/executions/{stored.execution().id}/events?{query}"), 400)


@pytest.mark.parametrize("verb", ["cancel", "pause", "resume", "retry", "rerun"])
def test_a_command_for_nobody_is_a_404(api: Client, verb: str) -> None:
    assert_problem(post(api, {}, f"/workflow/executions/nobody/{verb}"), 404)


@pytest.mark.parametrize(
    ("status", "verb"),
    [
        ("completed", "cancel"),
        ("failed", "pause"),
        ("completed", "resume"),
        ("running", "retry"),
        ("running", "resume"),
    ],
)
def test_a_command_that_the_status_does_not_allow_is_a_409(api: Client, status: str, verb: str) -> None:
    made = stored.execution(status)
    problem = assert_problem(post(api, {}, f"/workflow/executions/{made.id}/{verb}"), 409)
    assert problem["currentStatus"] == status and verb not in problem["allowedActions"]


def test_deleting_what_has_not_ended_is_a_409(api: Client) -> None:
    made = stored.execution("running")
    assert_problem(api.delete(f"/workflow/executions/{made.id}"), 409)
    assert Execution.objects.filter(pk=made.pk).exists()


def test_a_rerun_from_a_node_that_has_not_run_is_a_400(api: Client) -> None:
    made = stored.execution()
    problem = assert_problem(post(api, {"fromNode": "add"}, f"/workflow/executions/{made.id}/rerun"), 400)
    assert pointers(problem) == {"#/fromNode"}


def test_a_failing_server_tells_nothing_of_its_inside(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Any:
        raise RuntimeError("the secret inside")

    monkeypatch.setitem(CHECKS, "database", broken)
    api.raise_request_exception = False

    problem = assert_problem(api.get("/health/ready"), 500)

    assert "secret" not in json.dumps(problem)


def test_a_foreign_host_name_is_a_400_problem(api: Client) -> None:
    assert_problem(api.get("/workflow/executions", headers={"host": "evil.example"}), 400)


def test_a_database_that_does_not_answer_is_a_503(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise OperationalError("connection refused by 10.1.2.3")

    monkeypatch.setattr(queries, "stats", away)
    response = api.get("/workflow/executions")
    assert "10.1.2.3" not in str(assert_problem(response, 503))
    assert response.headers["Retry-After"]


def test_a_page_that_may_call_us_can_read_our_refusals(api: Client, settings: Any) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["http://localhost:8000"]
    response = api.get("/workflow/nothing", headers={"origin": "http://localhost:8000"})
    assert_problem(response, 404)
    assert response.headers["Access-Control-Allow-Origin"] == "http://localhost:8000"
