"""/openapi.json, /docs, /health, /health/ready, /metrics."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.staticfiles.finders import find
from django.db import DatabaseError
from django.test import Client
from django.urls import URLPattern
from django.utils import timezone
from jsonschema import Draft202012Validator

from executions.api import urls
from executions.api.views import documents
from executions.api.views.health import CHECKS
from executions.models import Executor
from tests.api import stored

pytestmark = pytest.mark.django_db


@pytest.fixture
def schema(api: Client) -> dict[str, Any]:
    response = api.get("/openapi.json")
    assert response.status_code == 200 and response.headers["Content-Type"] == "application/json"
    found: dict[str, Any] = response.json()
    return found


def test_the_description_is_openapi_3_1(schema: dict[str, Any]) -> None:
    assert schema["openapi"].startswith("3.1") and schema["info"]["title"] == "c4c API"
    assert schema["servers"] == [{"url": "http://localhost:3000"}]


def test_the_description_is_made_without_a_doubt(
    api: Client, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(documents, "_schema", {})
    assert api.get("/openapi.json").status_code == 200
    assert capfd.readouterr().err == ""


def test_every_route_is_described(schema: dict[str, Any]) -> None:
    routes = {str(p.pattern) for p in urls.urlpatterns if isinstance(p, URLPattern)}
    canonical = {r for r in routes if not r.endswith("/") and not r.startswith("api/")}
    expected = {"/" + re.sub(r"<identifier:(\w+)>", r"{\1}", route) for route in canonical - {"docs"}}
    streams = {"/workflow/executions-stream", "/workflow/executions/{execution_id}/stream"}
    bare = {"/api/workflow/executions/{execution_id}"}
    assert set(schema["paths"]) == expected | streams | bare


def test_every_operation_is_complete(schema: dict[str, Any]) -> None:
    operations = [
        (path, method, operation)
        for path, item in schema["paths"].items()
        for method, operation in item.items()
    ]
    assert len({operation["operationId"] for _, _, operation in operations}) == len(operations)
    for path, method, operation in operations:
        assert operation["summary"] and operation["tags"], path
        named = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
        assert named == set(re.findall(r"{(\w+)}", path)), path
        if not path.startswith("/health"):
            assert {"401", "403"} <= set(operation["responses"]), path
        assert ("requestBody" in operation) == (method in ("post", "put")), path


def test_every_reference_leads_somewhere_and_every_schema_is_one(schema: dict[str, Any]) -> None:
    text = str(schema)
    components = schema["components"]["schemas"]
    for name in set(re.findall(r"#/components/schemas/(\w+)", text)):
        assert name in components
    for component in components.values():
        Draft202012Validator.check_schema(component)


def test_answers_are_as_described(schema: dict[str, Any], api: Client) -> None:
    made = stored.execution("failed", error={"name": "E", "message": "m", "nodeId": "add"}, key="k")
    stored.node_run(made, "add", "failed", error={"name": "E", "message": "m"}, input={"a": 1})
    stored.node_run(made, "add", output={"result": 1})
    stored.log(made, "workflow.queued", "workflow.failed")
    answers = {
        "ExecutionPage": api.get("/workflow/executions?include=spans"),
        "OneExecution": api.get(f"/workflow/executions/{made.id}"),
        "Execution": api.get(f"/api/workflow/executions/{made.id}"),
        "NodeRunPage": api.get(f"/workflow/executions/{made.id}/nodes"),
        "EventPage": api.get(f"/workflow/executions/{made.id}/events"),
        "WorkflowPage": api.get("/workflow/definitions"),
        "Definition": api.get("/workflow/definitions/simple-math-workflow"),
        "VersionPage": api.get("/workflow/definitions/simple-math-workflow/versions"),
        "ProcedurePage": api.get("/procedures"),
        "Readiness": api.get("/health/ready"),
        "Problem": api.get("/workflow/executions/nobody"),
    }
    for name, response in answers.items():
        whole = {"$ref": f"#/components/schemas/{name}", "components": schema["components"]}
        errors = [error.message for error in Draft202012Validator(whole).iter_errors(response.json())]
        assert not errors, (name, errors)
        described = schema["components"]["schemas"][name]["properties"]
        assert set(response.json()) <= set(described), name


def test_the_documentation_uses_no_assets_of_others(api: Client) -> None:
    response = api.get("/docs")
    assert response.status_code == 200 and response.headers["Content-Type"].startswith("text/html")
    page = response.content.decode()
    assets = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(assets) >= 4
    for asset in assets:
        assert asset.startswith("/") and not asset.startswith("//")
        assert asset == "/openapi.json" or find(asset.removeprefix("/static/")), asset
    assert "<style" not in page and not re.search(r"<script(?![^>]*src=)", page)


def test_health_costs_no_query(api: Client, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert api.get("/health").json() == {"status": "ok"}


def test_readiness_tells_of_each_part(api: Client) -> None:
    soon = timezone.now() + timedelta(minutes=1)
    Executor.objects.create(id="e1", hostname="h", pid=1, concurrency=10, expires_at=soon)
    told = api.get("/health/ready").json()
    assert told["status"] == "ok"
    assert {name: check["status"] for name, check in told["checks"].items()} == {
        "database": "ok",
        "migrations": "ok",
        "executors": "ok",
        "streams": "ok",
    }
    assert told["checks"]["executors"]["alive"] == 1


def test_no_live_executor_is_a_warning(api: Client) -> None:
    past = timezone.now() - timedelta(seconds=1)
    Executor.objects.create(id="e1", hostname="h", pid=1, concurrency=10, expires_at=past)
    response = api.get("/health/ready")
    assert response.status_code == 200 and response.json()["checks"]["executors"]["status"] == "warning"


def test_a_part_that_fails_makes_the_server_unready(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Any:
        raise DatabaseError("password=secret")

    monkeypatch.setitem(CHECKS, "database", broken)
    response = api.get("/health/ready")
    assert response.status_code == 503 and response.headers["Retry-After"]
    assert response.json()["checks"]["database"] == {"status": "failed", "detail": "DatabaseError"}


def test_metrics_count_executions_by_status(api: Client) -> None:
    stored.execution("failed")
    stored.execution("failed")
    response = api.get("/metrics")
    assert response.headers["Content-Type"].startswith("text/plain; version=")
    text = response.content.decode()
    assert 'c4c_executions{status="failed"} 2.0' in text and 'c4c_executions{status="running"} 0.0' in text
    for name in ("c4c_executions_due", "c4c_executors", "c4c_node_runs_estimate", "c4c_streams", "process_"):
        assert f"\n{name}" in text, name
