"""``c4c exec``: what it prints, and the exit code that tells the outcome."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db.migrations.executor import MigrationExecutor

from executions.models import Command, Execution
from tests.cli.conftest import Run, Running
from workflows import library

SLEEPER: dict[str, Any] = {
    "id": "sleeper",
    "name": "Sleeper",
    "version": "1",
    "startNode": "sleep",
    "nodes": [
        {"id": "sleep", "type": "procedure", "procedureName": "custom.delay", "config": {"seconds": 60}},
    ],
}

HIDDEN_CURSOR = "\x1b[?25l"


def test_a_workflow_is_run_and_its_outputs_are_printed(c4c: Run) -> None:
    done = c4c("exec", "--workflow", "simple-math-workflow")
    assert done.returncode == 0, done.stderr
    assert '"add": {' in done.stdout
    assert "completed  add" in done.stdout
    assert "completed in" in done.stdout
    execution = Execution.objects.get()
    assert (execution.status, execution.id in done.stdout) == ("completed", True)


def test_json_is_exactly_one_document_whatever_procedures_print(c4c: Run) -> None:
    done = c4c("exec", "--workflow", "logging-workflow", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["status"] == "completed"
    assert document["outputs"]["do-math"] == {"result": 8}
    assert document["spans"][-1]["name"] == "workflow.execute"


def test_the_input_comes_from_the_command_line_a_file_or_standard_input(c4c: Run, tmp_path: Path) -> None:
    file = tmp_path / "input.json"
    file.write_text('{"a": 100, "b": 1}')
    words = ["exec", "--workflow", "simple-math-workflow", "--json"]
    for done in (
        c4c(*words, "--input", '{"a": 100, "b": 1}'),
        c4c(*words, "-f", str(file)),
        c4c(*words, "-f", "-", stdin='{"a": 100, "b": 1}'),
    ):
        assert json.loads(done.stdout)["outputs"]["add"] == {"result": 101}, done.stderr


def test_a_workflow_is_also_known_by_its_name(c4c: Run) -> None:
    assert c4c("exec", "Simple Math Workflow").returncode == 0


def test_in_a_terminal_the_nodes_are_redrawn_in_place(environment: dict[str, str]) -> None:
    ours, theirs = pty.openpty()
    words = [sys.executable, "manage.py", "c4c", "exec", "--workflow", "error-demo"]
    with subprocess.Popen(
        words, stdout=theirs, stderr=theirs, env=environment | {"TERM": "xterm"}
    ) as process:
        os.close(theirs)
        told = _all_of(ours)
    assert process.returncode == 1
    assert HIDDEN_CURSOR in told
    told = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", told)
    assert re.search(r"✓ start +\d+ ms, then will-fail", told)
    assert re.search(r"✗ will-fail +.*Division by zero", told)


def test_a_failed_execution_ends_with_1_and_says_where_it_failed(c4c: Run) -> None:
    done = c4c("exec", "--workflow", "error-demo")
    assert done.returncode == 1
    assert "Division by zero" in done.stderr
    assert "will-fail" in done.stderr
    assert done.stderr.startswith("c4c: ")
    assert "Traceback" not in done.stderr


def test_an_execution_that_outlives_its_deadline_ends_with_4(c4c: Run) -> None:
    library.publish(SLEEPER)
    done = c4c("exec", "--workflow", "sleeper", "--timeout", "0.3")
    assert done.returncode == 4, done.stderr
    assert "timed out" in done.stdout
    assert Execution.objects.get().status == "timed_out"


def test_ctrl_c_cancels_and_ends_with_3(starting: Callable[..., Running]) -> None:
    library.publish(SLEEPER)
    running = starting("exec", "--workflow", "sleeper")
    running.until("started    sleep")
    running.interrupt()
    assert running.ends() == 3, running.told
    assert Execution.objects.get().status == "cancelled"
    assert "command line" in Command.objects.get().actor


def test_a_second_ctrl_c_leaves_an_execution_that_will_not_stop(starting: Callable[..., Running]) -> None:
    hang = {
        "id": "sleep",
        "type": "procedure",
        "procedureName": "scripted.hang",
        "config": {"stubborn": True},
    }
    library.publish({**SLEEPER, "nodes": [hang]})
    running = starting("exec", "--workflow", "sleeper")
    running.until("started    sleep")
    running.interrupt()
    running.until("cancelling")
    running.interrupt()
    assert running.ends() == 3, running.told
    execution = Execution.objects.get()
    assert f"left {execution.id} as it stands" in running.told
    assert execution.status in {"cancelling", "cancelled"}  # as far as the executor came in stopping


def test_an_execution_cancelled_by_somebody_else_ends_with_3(
    c4c: Run, starting: Callable[..., Running]
) -> None:
    library.publish(SLEEPER)
    running = starting("exec", "--workflow", "sleeper")
    running.until("started    sleep")
    assert c4c("executions", "cancel", Execution.objects.get().id).returncode == 0
    assert running.ends() == 3, running.told


def test_it_follows_an_execution_that_a_worker_drives(c4c: Run, starting: Callable[..., Running]) -> None:
    worker = starting("worker")
    worker.until("worker ")
    done = c4c("exec", "--workflow", "parallel-workflow", "--json")
    assert json.loads(done.stdout)["status"] == "completed", done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["--workflow", "simple-mth-workflow"],
            'unknown workflow "simple-mth-workflow": did you mean simple-math',
        ),
        (["math.ad"], 'unknown workflow or procedure "math.ad": did you mean math.add'),
        (["--workflow", "no-such-thing-at-all"], 'unknown workflow "no-such-thing-at-all"'),
        (
            ["math.add", "--input", '{"a": 1,\n "b" 2}'],
            "--input is not valid JSON: Expecting ':' delimiter at line 2, column 6",
        ),
        (["math.add", "--input", "[1]"], "the input must be a JSON object"),
        (
            ["math.add", "-f", "there-is-none.json"],
            "cannot read there-is-none.json: No such file or directory",
        ),
        (["math.add", "-i", "{}", "-f", "x"], "give the input once"),
        ([], "say what to run"),
        (["math.add", "--workflow", "x"], "say what to run"),
        (
            ["--workflow", "simple-math-workflow", "--timeout", "-1"],
            "not a number of seconds above 0",
        ),
        (["--workflow", "simple-math-workflow", "--what"], "--what"),
    ],
)
def test_every_mistake_is_one_clear_line_and_ends_with_2(typed: Run, words: list[str], told: str) -> None:
    done = typed("exec", *words)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("c4c: ")
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not Execution.objects.exists()


def test_a_database_without_tables_is_told_in_one_line(typed: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MigrationExecutor, "migration_plan", lambda *_: [("one", False), ("two", False)])
    for words in (["exec", "--workflow", "error-demo"], ["worker"], ["workflows"], ["executions"]):
        done = typed(*words)
        assert done.returncode == 1
        assert done.stderr == "c4c: the database lacks 2 migrations: run manage.py migrate first\n"


def test_a_procedure_is_run_once_without_an_execution(typed: Run) -> None:
    done = typed("exec", "math.add", "--input", '{"a": 2, "b": 3}', "--json")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"result": 5})
    assert not Execution.objects.exists()


def test_an_asynchronous_procedure_is_run_as_well(typed: Run) -> None:
    done = typed("exec", "custom.delay", "--input", '{"seconds": 0}', "--json")
    assert json.loads(done.stdout)["delayed"] is True, done.stderr


def test_a_procedure_that_fails_ends_with_1(typed: Run) -> None:
    done = typed("exec", "math.divide", "--input", '{"a": 2, "b": 0}')
    assert done.returncode == 1
    assert "Division by zero" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_procedures_invalid_input_is_told_by_field_and_ends_with_2(typed: Run) -> None:
    done = typed("exec", "math.add", "--input", '{"a": "x"}')
    assert done.returncode == 2
    assert "/a" in done.stderr
    assert "/b" in done.stderr


def _all_of(terminal: int) -> str:
    """What was written to a terminal until its other end was closed."""
    told = b""
    with contextlib.suppress(OSError):  # how Linux tells of the close
        while read := os.read(terminal, 65536):
            told += read
    os.close(terminal)
    return told.decode()
