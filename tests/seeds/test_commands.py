"""Every command of the seeds' test sections, as written there; their ``pnpm`` aside."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from tests.seeds.shell import LIMIT, c4c_words, surroundings
from tests.seeds.site import Site
from tests.seeds.streams import Tail
from tests.site.servers import PROJECT, folder

EXECUTE = """
curl -X POST http://localhost:3000/workflow/execute \\
  -H "Content-Type: application/json" \\
  -d '{
    "workflowId": "simple-math-workflow",
    "input": {}
  }'
""".strip()
EXECUTE_SHORT = """
curl -X POST http://localhost:3000/workflow/execute \\
  -H "Content-Type: application/json" \\
  -d '{"workflowId": "simple-math-workflow"}'
""".strip()
DEMOS = {
    "data-processing-workflow": 5,
    "error-demo": 3,
    "logging-workflow": 3,
    "long-running-workflow": 10,
    "parallel-workflow": 5,
    "simple-math-workflow": 3,
    "very-long-workflow": 11,
}
PROCEDURES = {
    *(f"math.{name}" for name in ("add", "multiply", "subtract", "divide")),
    *(f"data.{name}" for name in ("fetch", "process", "save")),
    *(f"custom.{name}" for name in ("log", "logEvent", "delay", "heavyComputation", "finalize")),
    *(f"custom.{name}" for name in ("handleError", "sendNotification")),
}


@pytest.fixture(scope="module")
def pages(site: Site) -> Any:
    """``c4c serve ui --api-base http://localhost:<port>``, on data of its own."""
    with folder() as home:
        running = Site(home, "ui", "--api-base", site.base)
        yield running
        running.end()


def test_serve_tells_where_it_is(site: Site, pages: Site) -> None:
    assert f"pages, API, executor on http://localhost:{site.port}" in site.told()
    assert f"pages on http://localhost:{pages.port}" in pages.told()
    assert f"forwarded to {site.base}" in pages.told()


@pytest.mark.parametrize("line", [EXECUTE, EXECUTE_SHORT])
def test_execute_answers_the_end(site: Site, line: str) -> None:
    told = site.curl(line)

    assert told["status"] == "completed"
    assert told["outputs"] == {"add": {"result": 15}, "multiply": {"result": 6}, "subtract": {"result": 12}}
    assert told["nodesExecuted"] == ["add", "multiply", "subtract"]
    assert list(told) == ["executionId", "status", "outputs", "executionTime", "nodesExecuted", "spans"]


def test_the_list_and_the_detail_tell_what_ran(site: Site) -> None:
    done = site.curl(EXECUTE)
    listed = site.curl("curl http://localhost:3000/workflow/executions")
    row = next(row for row in listed["executions"] if row["executionId"] == done["executionId"])
    detail = site.curl(f"curl http://localhost:3000/workflow/executions/{done['executionId']}")["execution"]

    assert {"total", "completed", "failed", "running"} <= set(listed["stats"])
    for told in (row, detail):
        assert (told["workflowId"], told["workflowName"]) == ("simple-math-workflow", "Simple Math Workflow")
        assert (told["status"], told["executionTime"]) == ("completed", done["executionTime"])
        assert (told["outputs"], told["nodesExecuted"]) == (done["outputs"], done["nodesExecuted"])
        assert told["startTime"] <= told["endTime"]
    assert row["spans"] == []
    assert detail["spans"] == done["spans"]


def test_the_list_stream_tells_the_state_and_then_what_happens(site: Site) -> None:
    with Tail(site.here("curl -N http://localhost:3000/workflow/executions-stream")) as tail:
        first = next(iter(tail))
        done = site.curl(EXECUTE)
        frames = tail.until("workflow.completed")

    assert first.event == "executions.initial"
    assert set(first.data) == {"executions", "stats", "timestamp"}
    assert frames[-1].data["executionId"] == done["executionId"]
    assert all(frame.id is None for frame in (first, *frames))


def test_the_detail_stream_of_what_has_ended_tells_the_end_and_closes(site: Site) -> None:
    done = site.curl(EXECUTE)
    line = f"curl -N http://localhost:3000/workflow/executions/{done['executionId']}/stream"
    with Tail(site.here(line)) as tail:
        frames = list(tail)

    assert [frame.event for frame in frames] == [
        "workflow.stream.connected",
        "execution.snapshot",
        "workflow.completed",
        "workflow.result",
    ]
    assert frames[-1].data["result"] == done


def test_procedures_are_told(site: Site) -> None:
    told = site.curl("curl http://localhost:3000/procedures")["procedures"]

    assert {procedure["name"] for procedure in told} >= PROCEDURES
    for procedure in told:
        assert {"name", "description", "metadata", "inputSchema", "outputSchema"} == set(procedure)


def test_health(site: Site) -> None:
    assert site.curl("curl http://localhost:3000/health") == {"status": "ok"}


def test_definitions(site: Site) -> None:
    listed = site.curl("curl http://localhost:3000/workflow/definitions")["workflows"]
    counts = {row["id"]: row["nodeCount"] for row in listed}
    one = site.curl("curl http://localhost:3000/workflow/definitions/very-long-workflow")["definition"]

    assert counts.items() >= DEMOS.items()
    assert [row["name"] for row in listed] == sorted(row["name"] for row in listed)
    assert (one["id"], one["startNode"], len(one["nodes"])) == ("very-long-workflow", "start", 11)


def test_the_pages_are_served(site: Site, pages: Site) -> None:
    for where in (site, pages):
        page = where.get("/executions", headers={"Accept": "text/html"})
        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/html")


def test_every_front_end_route_is_forwarded(site: Site, pages: Site) -> None:
    line = EXECUTE.replace("localhost:3000/", "localhost:3100/api/")
    done = pages.curl(line)
    execution_id = done["executionId"]
    rows = pages.curl("curl http://localhost:3100/api/workflow/executions")["executions"]
    bare = pages.curl(f"curl http://localhost:3100/api/workflow/executions/{execution_id}")
    workflows = pages.curl("curl http://localhost:3100/api/workflow/definitions")
    definition = pages.curl("curl http://localhost:3100/api/workflow/definitions/simple-math-workflow")

    assert done["status"] == "completed"
    assert execution_id in [row["executionId"] for row in rows]
    assert bare == site.execution(execution_id)
    assert workflows == site.curl("curl http://localhost:3000/workflow/definitions")
    assert definition["definition"]["name"] == "Simple Math Workflow"


def test_forwarded_streams_are_not_held_back(site: Site, pages: Site) -> None:
    """Each event is here before the next can have happened."""
    everything = Tail(pages.here("curl -N http://localhost:3100/api/workflow/executions-stream"))
    with everything:
        everything.until("executions.initial")
        started = site.execute("long-running-workflow", **{"async": True})
        execution_id = started["executionId"]
        path = f"/api/workflow/executions/{execution_id}/stream"
        with Tail(pages.here(f"curl -N http://localhost:3100{path}")) as one:
            snapshot = one.until("execution.snapshot")[-1]
            assert snapshot.data["execution"]["status"] == "running"
            assert everything.until("node.started")[-1].data["executionId"] == execution_id
            site.curl(f"curl -X POST http://localhost:3000/workflow/executions/{execution_id}/cancel")
            assert [frame.event for frame in one.until("workflow.cancelled")][-2:] == [
                "node.cancelled",
                "workflow.cancelled",
            ]


def c4c(site: Site, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        c4c_words(*words),
        cwd=PROJECT,
        env=surroundings(site.home),
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )


def test_exec_runs_a_workflow_and_the_server_knows_it(site: Site) -> None:
    done = c4c(site, "exec", "--workflow", "simple-math-workflow")
    execution_id = done.stdout.split()[0]

    assert (done.returncode, done.stderr) == (0, "")
    assert "completed" in done.stdout
    assert site.execution(execution_id)["status"] == "completed"


def test_exec_prints_one_document_for_programs(site: Site) -> None:
    given = ["-i", '{"a": 7, "b": 2}', "--json"]
    done = c4c(site, "exec", "--workflow", "simple-math-workflow", *given)
    told = json.loads(done.stdout)

    assert done.returncode == 0
    assert told["outputs"] == {"add": {"result": 9}, "multiply": {"result": 14}, "subtract": {"result": 5}}
    assert site.execution(told["executionId"])["input"] == {"a": 7, "b": 2}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--workflow", "error-demo"], 1, "Division by zero (node will-fail)"),
        (["--workflow", "long-running-workflow", "--timeout", "0.5"], 4, ""),
        (["--workflow", "simple-math-workfow"], 2, "did you mean simple-math-workflow"),
        (["--workflow", "simple-math-workflow", "-i", '{"a":'], 2, "at line 1, column 6"),
    ],
)
def test_the_exit_code_of_exec_tells_the_outcome(site: Site, words: list[str], code: int, said: str) -> None:
    done = c4c(site, "exec", *words)

    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
