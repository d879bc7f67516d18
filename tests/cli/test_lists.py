"""``c4c procedures``, ``workflows`` and ``executions``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from executions import operations
from executions.models import Command, Execution
from tests.cli.conftest import Run
from workflows.models import Workflow

DOCUMENT: dict[str, Any] = {
    "id": "mine",
    "name": "Mine",
    "version": "1.0.0",
    "startNode": "ask",
    "nodes": [
        {
            "id": "ask",
            "type": "condition",
            "config": {"expression": "a > 1", "trueBranch": "add", "falseBranch": "add"},
        },
        {"id": "add", "type": "procedure", "procedureName": "math.add", "config": {"a": 1, "b": 2}},
    ],
}


def test_procedures_are_listed_with_what_they_do(typed: Run) -> None:
    told = typed("procedures")
    assert told.returncode == 0, told.stderr
    assert "math.add" in told.stdout
    assert "Adds two numbers together." in told.stdout
    listed = {one["name"]: one for one in json.loads(typed("procedures", "--json").stdout)["procedures"]}
    assert set(listed["math.add"]) == {"name", "description", "metadata", "inputSchema", "outputSchema"}


def test_workflows_are_listed(typed: Run) -> None:
    for words in (["workflows"], ["workflows", "list"]):
        told = typed(*words)
        assert "simple-math-workflow" in told.stdout, told.stderr
    for words in (["workflows", "--json"], ["workflows", "list", "--json"], ["workflows", "--json", "list"]):
        listed = {one["id"]: one for one in json.loads(typed(*words).stdout)["workflows"]}
        assert listed["simple-math-workflow"]["nodeCount"] == 3


def test_a_workflow_is_shown_with_where_each_node_leads(typed: Run) -> None:
    told = typed("workflows", "show", "data-processing-workflow").stdout
    assert "process-premium, process-basic" in told
    document = json.loads(typed("workflows", "show", "data-processing-workflow", "--json").stdout)
    assert document["definition"]["startNode"] == "fetch-user"


def test_a_document_is_imported_once_and_other_content_is_a_new_version(typed: Run, tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text(json.dumps(DOCUMENT))
    assert typed("workflows", "import", str(file)).stdout == "mine is v1\n"
    assert typed("workflows", "import", str(file)).stdout == "mine is v1\n"
    file.write_text(json.dumps(DOCUMENT | {"description": "changed"}))
    assert json.loads(typed("workflows", "import", str(file), "--json").stdout) == {
        "id": "mine",
        "workflowVersion": 2,
    }
    assert "ask" in typed("workflows", "show", "mine").stdout


def test_every_problem_of_a_document_is_told_with_its_place(typed: Run, tmp_path: Path) -> None:
    file = tmp_path / "bad.json"
    file.write_text(json.dumps(DOCUMENT | {"startNode": "nowhere", "colour": "red"}))
    told = typed("workflows", "validate", str(file))
    assert told.returncode == 1
    assert "/startNode: " in told.stdout
    assert "/colour: " in told.stdout
    document = json.loads(typed("workflows", "validate", str(file), "--json").stdout)
    assert {one["pointer"] for one in document["errors"]} == {"/startNode", "/colour"}
    assert typed("workflows", "import", str(file)).returncode == 1
    assert not Workflow.objects.filter(id="mine").exists()


def test_a_valid_document_is_said_to_be_so_and_not_imported(typed: Run) -> None:
    told = typed("workflows", "validate", "-", stdin=json.dumps(DOCUMENT))
    assert (told.returncode, told.stdout) == (0, "- is valid\n")
    assert not Workflow.objects.filter(id="mine").exists()


def test_executions_are_listed_newest_first_and_narrowed(typed: Run) -> None:
    ids = [operations.start("simple-math-workflow").id for _ in range(3)]
    operations.start("logging-workflow")
    rows = json.loads(typed("executions", "--json").stdout)["executions"]
    assert len(rows) == 4
    narrowed = typed(
        "executions", "list", "--workflow", "simple-math-workflow", "--status", "queued", "--json"
    )
    assert [row["executionId"] for row in json.loads(narrowed.stdout)["executions"]] == ids[::-1]
    assert ids[0] in typed("executions").stdout
    assert len(typed("executions", "list", "--limit", "2").stdout.splitlines()) == 3


def test_an_execution_is_shown_whole(c4c: Run, typed: Run) -> None:
    done = json.loads(c4c("exec", "--workflow", "error-demo", "--json").stdout)
    told = typed("executions", "show", done["executionId"]).stdout
    assert "Division by zero" in told
    assert "will-fail" in told
    document = json.loads(typed("executions", "show", done["executionId"], "--json").stdout)["execution"]
    assert document["nodeDetails"]["will-fail"]["status"] == "failed"


def test_cancel_is_done_to_each_and_what_is_refused_is_told(typed: Run) -> None:
    first, second = operations.start("simple-math-workflow").id, operations.start("simple-math-workflow").id
    told = typed("executions", "cancel", first, "there-is-none", second)
    assert told.returncode == 1
    assert "Execution 'there-is-none' not found" in told.stdout
    assert told.stderr == "c4c: cancel: 1 of 3 refused\n"
    assert set(Command.objects.values_list("execution_id", flat=True)) == {first, second}


def test_retry_starts_a_new_execution_of_a_failed_one(c4c: Run, typed: Run) -> None:
    failed = json.loads(c4c("exec", "--workflow", "error-demo", "--json").stdout)["executionId"]
    told = json.loads(typed("executions", "retry", failed, "--json").stdout)["executions"][0]
    assert Execution.objects.get(pk=told["executionId"]).retry_of_id == failed


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["workflows", "show", "simple-maths-workflow"], "did you mean simple-math-workflow"),
        (["workflows", "validate", "no-such-file.json"], "cannot read no-such-file.json"),
        (["workflows", "destroy"], "invalid choice: 'destroy'"),
        (["executions", "show", "there-is-none"], "'there-is-none' not found"),
        (["executions", "list", "--status", "asleep"], "no status 'asleep'"),
        (["executions", "list", "--limit", "0"], "--limit must be from 1"),
        (["executions", "cancel"], "ID"),
    ],
)
def test_mistakes_are_one_line_and_end_with_2(typed: Run, words: list[str], told: str) -> None:
    done = typed(*words)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_reader_that_has_seen_enough_is_no_error(environment: dict[str, str]) -> None:
    environment = {**environment, "PYTHONUNBUFFERED": ""}
    command = [sys.executable, "manage.py", "c4c", "procedures", "--json"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(60) == 141
