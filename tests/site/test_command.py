"""``c4c``: which project it works on, and how it tells a mistake."""

from __future__ import annotations

import os
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest
from django.core.management import execute_from_command_line
from django.db import connection, connections

from c4c_site.cli import nearest_project
from executions.cli.frame import Subcommand
from executions.management.commands.c4c import Command
from tests.site.servers import DEADLINE, PROJECT, folder


def c4c(*words: str, folder: Path = PROJECT, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from c4c_site.cli import main; main()", *words],
        cwd=folder,
        env={**_without_settings(), "PYTHONPATH": str(PROJECT), **environment},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )


def _without_settings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["srve"], 'unknown command "srve": did you mean serve'),
        ([], "COMMAND"),
        (["serve", "everything"], "invalid choice: 'everything'"),
        (["serve", "--prot=3"], "unrecognized arguments: --prot=3"),
        (["serve", "-p", "http"], 'invalid port "http": a number from 1 to 65535'),
        (["serve", "-p", "65536"], 'invalid port "65536"'),
        (["serve", "--api-base", "http://localhost:3000"], "--api-base is for c4c serve ui"),
        (["db", "sotp"], "invalid choice: 'sotp'"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "django.setup", lambda: None
    )  # else the logging of all later tests goes to this capture
    with pytest.raises(SystemExit) as exit_:
        execute_from_command_line(["manage.py", "c4c", *words])
    told = capsys.readouterr().err

    assert exit_.value.code == 2
    assert told.startswith("c4c: ")
    assert said in told
    assert len(told.strip().splitlines()) == 1


def test_an_unreachable_database_is_one_line() -> None:
    done = c4c("serve", "-p", "3999", DATABASE_URL="postgres://nobody@127.0.0.1:9/none")

    assert done.returncode == 1
    assert done.stderr.startswith("c4c: the database does not answer: ")
    assert len(done.stderr.strip().splitlines()) == 1


def test_an_address_that_others_reach_is_refused_under_debug() -> None:
    done = c4c("serve", "--host", "0.0.0.0", "-p", "3999", DEBUG="1")

    assert done.returncode == 1
    assert "HOST=0.0.0.0 is reached by other machines" in done.stderr


def test_the_nearest_project_upward_is_taken(tmp_path: Path) -> None:
    (tmp_path / "manage.py").write_text("os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'mine.settings')")
    below = tmp_path / "shop" / "views"
    below.mkdir(parents=True)
    (tmp_path / "shop" / "manage.py").write_text("# something else of that name")

    assert nearest_project(below) == tmp_path / "manage.py"


def test_it_works_on_the_project_that_it_finds(tmp_path: Path) -> None:
    (tmp_path / "manage.py").write_text(
        "import os, sys\nos.environ.pop('DJANGO_SETTINGS_MODULE', None)\nprint('mine:', *sys.argv[1:])\n"
    )

    done = c4c("procedures", folder=tmp_path)

    assert done.stdout == "mine: c4c procedures\n"


def test_without_a_project_it_works_on_the_reference_site(tmp_path: Path) -> None:
    done = c4c("db", "status", folder=tmp_path, C4C_DATA_DIR=str(tmp_path / "data"), DATABASE_URL="")

    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout == f"stopped; data in {tmp_path}/data/postgres\n"


def test_db_says_when_there_is_no_embedded_database() -> None:
    done = c4c("db", "start", DATABASE_URL="postgres://somewhere/else")

    assert done.returncode == 1
    assert done.stderr == "c4c: DATABASE_URL names the database, so there is no embedded one here\n"


def test_the_first_command_of_all_finds_a_database_that_is_ready() -> None:
    with folder() as home:
        done = c4c("workflows", C4C_DATA_DIR=str(home), DATABASE_URL="")

    assert done.returncode == 0, done.stderr
    assert "simple-math-workflow" in done.stdout


def test_tables_that_are_missing_are_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], db: None
) -> None:
    """As in a project of one's own, before its first migrate."""

    def run(options: Namespace) -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM c4c_not_there")
        return 0

    look = Subcommand("look", "", lambda parser: None, run)
    monkeypatch.setattr(Command, "subcommands", (look,))
    monkeypatch.setattr(connections, "close_all", lambda: None)  # the test's own transaction

    with pytest.raises(SystemExit) as exit_:
        Command().run_from_argv(["manage.py", "c4c", "look"])

    assert exit_.value.code == 1
    assert capsys.readouterr().err == "c4c: the database lacks tables: run manage.py migrate first\n"
