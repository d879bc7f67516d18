"""The API of a real server with its executor: what a caller gets who waits for the end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from django.core.management import call_command

from tests.api.server import Server, database_connections, napping, until

ADD = {"type": "procedure", "procedureName": "math.add", "config": {"a": 1, "b": 2}}
BREAK = {"type": "procedure", "procedureName": "math.divide", "config": {"a": 1, "b": 0}}
MATH = {"add": {"result": 15}, "multiply": {"result": 6}, "subtract": {"result": 12}}


@pytest.fixture(scope="module")
def server(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    with django_db_blocker.unblock():
        running = Server(tmp_path_factory.mktemp("serving"))
        yield running
        assert running.stop() == 0
        call_command("flush", interactive=False, verbosity=0)


def test_the_seeds_execute_answers_as_the_original_did(server: Server) -> None:
    response = server.execute("simple-math-workflow", input={})

    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    result = response.json()
    assert list(result) == ["executionId", "status", "outputs", "executionTime", "nodesExecuted", "spans"]
    assert result["status"] == "completed" and result["outputs"] == MATH
    assert result["nodesExecuted"] == ["add", "multiply", "subtract"]
    assert [span["name"] for span in result["spans"]] == ["workflow.node.procedure"] * 3 + [
        "workflow.execute"
    ]
    told = server.execution(result["executionId"])
    assert told["outputs"] == MATH and told["progress"] == {"done": 3, "total": 3, "percent": 100}
    assert told["spans"] == result["spans"]


@pytest.mark.parametrize("path", ["/workflow/execute/", "/api/workflow/execute", "/api/workflow/execute/"])
def test_execute_is_served_at_all_its_addresses(server: Server, path: str) -> None:
    assert server.post(path, {"workflowId": "simple-math-workflow"}).json()["outputs"] == MATH


def test_an_execution_that_failed_is_a_200_that_says_so(server: Server) -> None:
    nodes = [{"id": "cut", **BREAK}]
    definition = {"id": "cutting", "name": "Cutting", "version": "1", "startNode": "cut", "nodes": nodes}
    response = server.execute(definition)
    assert response.status_code == 200
    result = response.json()
    assert result["status"] == "failed" and result["error"]["nodeId"] == "cut" and result["error"]["message"]
    assert result["outputs"] == {} and result["nodesExecuted"] == ["cut"]


def test_who_waits_too_short_is_told_where_to_look(server: Server) -> None:
    began = time.monotonic()
    response = server.execute(napping(2.5), {"Prefer": "wait=1"})
    assert response.status_code == 202 and 0.9 < time.monotonic() - began < 2.4
    assert response.json()["status"] in ("queued", "running")
    location = response.headers["Location"]
    until(lambda: server.get(location).json()["execution"]["status"] == "completed", "it completes")


def test_a_parked_execution_is_not_waited_for(server: Server) -> None:
    began = time.monotonic()
    response = server.execute(napping(20, parked=True))
    assert response.status_code == 202 and time.monotonic() - began < 5
    assert response.json()["status"] == "waiting"
    path = f"/workflow/executions/{response.json()['executionId']}"
    assert server.post(f"{path}/cancel", {"reason": "enough"}).status_code == 202
    until(lambda: server.get(path).json()["execution"]["status"] == "cancelled", "it is cancelled")
    assert server.post(f"{path}/cancel").status_code == 409


def test_pausing_holds_and_resuming_goes_on(server: Server) -> None:
    nap = napping(1.0)
    nap["nodes"][0]["next"] = "then"
    nap["nodes"].append(
        {"id": "then", "type": "procedure", "procedureName": "math.add", "config": {"a": 1, "b": 2}}
    )
    path = f"/workflow/executions/{server.execute(nap, {'Prefer': 'respond-async'}).json()['executionId']}"
    until(lambda: server.get(path).json()["execution"]["nodesExecuted"], "it runs")

    assert server.post(f"{path}/pause").status_code == 202
    until(lambda: server.get(path).json()["execution"]["status"] == "paused", "it pauses")
    assert server.get(path).json()["execution"]["nodesExecuted"] == ["nap"]

    assert server.post(f"{path}/resume").status_code == 202
    until(lambda: server.get(path).json()["execution"]["status"] == "completed", "it completes")


def test_a_retry_adopts_what_completed(server: Server) -> None:
    nodes = [
        {
            "id": "add",
            "type": "procedure",
            "procedureName": "math.add",
            "config": {"a": 1, "b": 2},
            "next": "cut",
        },
        {"id": "cut", "type": "procedure", "procedureName": "math.divide", "config": {"a": 1, "b": 0}},
    ]
    definition = {"id": "cutting-2", "name": "Cutting", "version": "1", "startNode": "add", "nodes": nodes}
    failed = server.execute(definition).json()["executionId"]

    made = server.post(f"/workflow/executions/{failed}/retry").json()["execution"]

    path = f"/workflow/executions/{made['executionId']}"
    until(lambda: server.get(path).json()["execution"]["status"] == "failed", "it fails again")
    told = server.get(path).json()["execution"]
    assert told["retryOf"] == failed and told["outputs"] == {"add": {"result": 3}}
    assert told["nodeDetails"]["add"]["adoptedFrom"] == failed


def test_the_same_request_at_the_same_time_is_a_409_and_later_the_same_answer(server: Server) -> None:
    async def both() -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=server.base, timeout=40) as client:

            async def ask() -> httpx.Response:
                body = {"workflow": napping(1.5)}
                return await client.post("/workflow/execute", json=body, headers={"Idempotency-Key": "twice"})

            return sorted(await asyncio.gather(ask(), ask()), key=lambda response: response.status_code)

    first, second = asyncio.run(both())
    assert (first.status_code, second.status_code) == (200, 409)

    again = server.execute(napping(1.5), {"Idempotency-Key": "twice"})
    assert again.status_code == 200 and again.json() == first.json()
    assert again.headers["Idempotency-Replayed"] == "true"


def test_a_caller_who_goes_away_stops_nothing(server: Server) -> None:
    body = {"workflow": napping(1.0), "executionId": "left-alone"}
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            f"{server.base}/workflow/execute", json=body, headers={"Idempotency-Key": "left"}, timeout=0.4
        )
    until(lambda: server.execution("left-alone").get("status") == "completed", "it completes")

    def replayed() -> bool:
        response = server.post("/workflow/execute", body, **{"Idempotency-Key": "left"})
        return response.status_code == 202 and response.headers.get("Idempotency-Replayed") == "true"

    until(replayed, "the key answers")


def test_300_callers_wait_on_a_handful_of_connections_and_no_threads(server: Server) -> None:
    callers = 300
    before = server.threads()

    async def ask(client: httpx.AsyncClient, number: int) -> tuple[int, str]:
        body = {"workflow": napping(100), "executionId": f"caller-{number}"}
        response = await client.post("/workflow/execute", json=body)
        return response.status_code, response.json()["status"]

    async def crowd() -> tuple[list[tuple[int, str]], int, int]:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=server.base, timeout=100, limits=limits) as client:
            asking = [asyncio.create_task(ask(client, number)) for number in range(callers)]
            await asyncio.to_thread(until, lambda: waiting(server) == callers, "all are stored", 60)
            connections, threads = await asyncio.to_thread(database_connections), server.threads()
            cancelling = [
                client.post(f"/workflow/executions/caller-{number}/cancel", json={})
                for number in range(callers)
            ]
            await asyncio.gather(*cancelling)
            return await asyncio.gather(*asking), connections, threads

    answers, connections, threads = asyncio.run(crowd())
    assert answers == [(200, "cancelled")] * callers
    assert connections < 35
    assert threads < before + 60


def test_50_mb_over_the_wire_harm_nobody(server: Server) -> None:
    body = b'{"workflowId": "simple-math-workflow", "input": {"a": "' + b"x" * 50_000_000 + b'"}}'
    response = httpx.post(
        f"{server.base}/workflow/execute",
        content=body,
        headers={"Content-Type": "application/json"},
        timeout=30,
    )
    assert response.status_code == 413
    assert response.headers["Content-Type"] == "application/problem+json"
    assert server.execute("simple-math-workflow").json()["outputs"] == MATH


def waiting(server: Server) -> int:
    """How many executions are stored and have not ended."""
    stats = server.get("/workflow/executions?limit=1").json()["stats"]
    return int(stats["queued"] + stats["running"])
