"""Bad requests of every kind, to the server that everybody uses."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import psutil
import pytest

from tests.seeds.definitions import definition, node, steps
from tests.seeds.site import Site
from tests.site.servers import until

JSON = {"Content-Type": "application/json"}
FIVE_SECONDS = 5.0
MEGABYTE = 1 << 20
SIMPLE = "simple-math-workflow"


@pytest.fixture(autouse=True)
def harms_nothing(site: Site) -> Iterator[None]:
    """Whatever was asked, the next execution is as quick as any."""
    yield
    began = time.monotonic()
    assert site.execute(SIMPLE)["status"] == "completed"
    assert time.monotonic() - began < FIVE_SECONDS
    assert site.process.poll() is None


def ask(site: Site, method: str, path: str, **more: Any) -> httpx.Response:
    return httpx.request(method, site.base + path, timeout=60, **more)


def post(site: Site, body: Any, path: str = "/workflow/execute") -> httpx.Response:
    return ask(site, "POST", path, json=body)


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The answer's, which is whole and gives nothing away."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "instance", "error"} <= set(told)
    assert (told["status"], told["error"]) == (status, told["detail"])
    assert told["instance"] == answer.url.path
    assert "Traceback" not in answer.text
    return told


def pointers(told: dict[str, Any]) -> list[str]:
    return sorted(each["pointer"] for each in told["errors"])


@pytest.mark.parametrize(
    ("body", "places"),
    [
        ({}, ["#/workflowId"]),
        ([], ["#"]),
        ({"workflowId": 5}, ["#/workflowId"]),
        ({"workflowId": SIMPLE, "input": "text"}, ["#/input"]),
        ({"workflowId": SIMPLE, "input": {"a": "text", "b": []}}, ["#/input/a", "#/input/b"]),
        ({"workflowId": SIMPLE, "tags": 3, "priority": "high"}, ["#/priority", "#/tags"]),
        ({"workflowId": SIMPLE, "priority": 10}, ["#/priority"]),
        ({"workflowId": SIMPLE, "timeoutMs": -1}, ["#/timeoutMs"]),
        ({"workflowId": SIMPLE, "executionId": "with space"}, ["#/executionId"]),
        ({"workflowId": SIMPLE, "input": {"a": "\0"}}, ["#/input/a"]),
        ({"workflowId": "nul\0"}, ["#/workflowId"]),
    ],
)
def test_what_is_wrong_is_pointed_at(site: Site, body: Any, places: list[str]) -> None:
    assert pointers(problem(post(site, body), 400)) == places


@pytest.mark.parametrize(
    "body", [b"", b'{"workflowId":', b"\xff\xfe", b"[" * 100_000, b'{"workflowId": "s", "input": {"a": NaN}}']
)
def test_what_is_not_json_is_refused(site: Site, body: bytes) -> None:
    problem(ask(site, "POST", "/workflow/execute", content=body, headers=JSON), 400)


def test_an_unknown_workflow_is_told_with_the_nearest(site: Site) -> None:
    told = problem(post(site, {"workflowId": "simple-math-workfow"}), 404)

    assert SIMPLE in told["detail"]


def test_both_a_definition_and_another_id_are_refused(site: Site) -> None:
    problem(post(site, {"workflowId": SIMPLE, "workflow": steps(1, 0)}), 400)


@pytest.mark.parametrize("path", ["/workflow/nothing", "/nothing", "/api/workflow/executions/none"])
@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/event-stream"])
def test_what_is_not_there_is_404(site: Site, path: str, accept: str) -> None:
    problem(ask(site, "GET", path, headers={"Accept": accept}), 404)


@pytest.mark.parametrize(
    "path", ["/workflow/executions/none", "/workflow/nothing", "/workflow/executions/none/stream"]
)
def test_the_api_answers_a_browser_in_json_as_well(site: Site, path: str) -> None:
    problem(ask(site, "GET", path, headers={"Accept": "text/html,*/*;q=0.8"}), 404)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/workflow/execute"),
        ("GET", "/workflow/execute"),
        ("POST", "/workflow/executions"),
        ("PUT", "/health"),
        ("PATCH", "/procedures"),
        ("POST", "/workflow/executions-stream"),
    ],
)
def test_another_method_is_405(site: Site, method: str, path: str) -> None:
    problem(ask(site, method, path), 405)


@pytest.mark.parametrize(
    "query", ["cursor=garbage", "limit=0", "limit=many", "q=%00", "status=asleep", "since=x"]
)
def test_a_filter_that_says_nothing_is_400(site: Site, query: str) -> None:
    problem(ask(site, "GET", f"/workflow/executions?{query}"), 400)


def test_a_form_is_415(site: Site) -> None:
    problem(ask(site, "POST", "/workflow/execute", data={"workflowId": SIMPLE}), 415)


def test_what_the_state_does_not_allow_is_409(site: Site) -> None:
    done = site.execute(SIMPLE)
    told = problem(ask(site, "POST", f"/workflow/executions/{done['executionId']}/cancel"), 409)

    assert told["currentStatus"] == "completed"
    assert "rerun" in told["allowedActions"]


def test_the_same_key_with_another_body_is_422(site: Site) -> None:
    headers = {"Idempotency-Key": "seeds-refused"}
    first = ask(site, "POST", "/workflow/execute", json={"workflowId": SIMPLE}, headers=headers)
    again = ask(site, "POST", "/workflow/execute", json={"workflowId": SIMPLE}, headers=headers)
    other = ask(site, "POST", "/workflow/execute", json={"workflowId": "logging-workflow"}, headers=headers)

    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json()["executionId"] == first.json()["executionId"]
    problem(other, 422)


@pytest.mark.parametrize("chunked", [False, True])
def test_fifty_megabytes_are_413_and_nobody_keeps_them(site: Site, chunked: bool) -> None:
    server = psutil.Process(site.process.pid)
    before = server.memory_info().rss
    body = json.dumps({"workflowId": SIMPLE, "input": {"a": "a" * (50 * MEGABYTE)}}).encode()
    for _ in range(4):
        content = _pieces(body) if chunked else body
        problem(ask(site, "POST", "/workflow/execute", content=content, headers=JSON), 413)

    until(lambda: server.memory_info().rss < before + 2 * len(body))


def test_an_input_above_its_limit_is_413(site: Site) -> None:
    problem(post(site, {"workflowId": SIMPLE, "input": {"note": "a" * (MEGABYTE + 1)}}), 413)


def test_a_body_may_come_in_chunks(site: Site) -> None:
    body = json.dumps({"workflowId": SIMPLE, "input": {"a": 1, "b": 1}}).encode()
    answer = ask(site, "POST", "/workflow/execute", content=_pieces(body, 7), headers=JSON)

    assert answer.json()["outputs"]["add"] == {"result": 2}


def test_ten_thousand_nodes_are_told_every_problem_while_others_go_on(site: Site) -> None:
    count = 10_000
    nodes = [node(f"n{place}", "no.such", {}, f"n{place + 1}") for place in range(count - 1)]
    told = problem(post(site, {"workflow": definition("many", [*nodes, node("last", "no.such", {})])}), 400)

    assert len(told["errors"]) >= count


def test_ten_thousand_nodes_that_are_right_begin_and_can_be_stopped(site: Site) -> None:
    count = 10_000
    nodes = [node(f"n{place}", "math.add", {"a": 1, "b": 2}, f"n{place + 1}") for place in range(count - 1)]
    many = definition("many", [*nodes, node(f"n{count - 1}", "math.add", {"a": 1, "b": 2})])
    execution_id = site.execute(many, **{"async": True})["executionId"]
    assert site.execute(SIMPLE)["status"] == "completed"
    assert ask(site, "POST", f"/workflow/executions/{execution_id}/cancel").status_code == 202

    assert site.until_ended(execution_id)["status"] == "cancelled"


def _pieces(body: bytes, size: int = 64 << 10) -> Iterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]
