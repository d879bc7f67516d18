"""Projects of somebody else's, in processes of their own: what is found, what is loud."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import procedures

ROOT = Path(procedures.__file__).resolve().parent.parent
CHECK = """
import sys
from django.conf import settings

DATABASE = {"ENGINE": "django.db.backends.postgresql"}
APPS = ["django.contrib.contenttypes", "django.contrib.auth", *sys.argv[1:]]
settings.configure(INSTALLED_APPS=APPS, DATABASES={"default": DATABASE})
import django
django.setup()
from django.core.management import call_command
call_command("check")
from procedures import registry
print("found:", *registry.names())
"""
SOUND = """
from procedures import procedure

@procedure("shop.total")
def total(price: float, count: int = 1) -> float:
    return price * count
"""
BAD = """
from procedures import procedure

@procedure("shop.total")
def total(price) -> float:
    return price
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").touch()
    return tmp_path


def check(project: Path, *apps: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(project), str(ROOT)])}
    command = [sys.executable, "-c", CHECK, *apps]
    return subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_procedures_are_found_in_any_installed_app(project: Path) -> None:
    (project / "shop" / "procedures.py").write_text(SOUND)
    done = check(project, "procedures", "shop")
    assert (done.returncode, done.stdout) == (
        0,
        "System check identified no issues (0 silenced).\nfound: shop.total\n",
    )


def test_an_app_without_procedures_is_nothing_special(project: Path) -> None:
    done = check(project, "shop", "procedures")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("found:\n")


def test_a_bad_contract_stops_the_start_and_names_the_line(project: Path) -> None:
    (project / "shop" / "procedures.py").write_text(BAD)
    done = check(project, "procedures", "shop")
    assert done.returncode == 1
    said = "(c4c.E001) Procedure 'shop.total' at shop.procedures:4: parameter price has no annotation."
    assert said in done.stderr


def test_a_name_declared_by_two_apps_names_both(project: Path) -> None:
    (project / "shop" / "procedures.py").write_text(SOUND)
    (project / "market").mkdir()
    (project / "market" / "__init__.py").touch()
    (project / "market" / "procedures.py").write_text(SOUND)
    done = check(project, "procedures", "shop", "market")
    assert done.returncode == 1
    assert "(c4c.E002) Procedure 'shop.total' at market.procedures:4: its name is taken." in done.stderr
    assert "It is declared at shop.procedures:4 already" in done.stderr


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import math\nimport nowhere_at_all\n", "2: ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("x = (\n", "1: SyntaxError: '(' was never closed"),
        ("def f():\n    return 1 / 0\n\nf()\n", "4: ZeroDivisionError: division by zero"),
    ],
)
def test_a_module_that_cannot_be_imported_stops_the_start_with_the_line(
    project: Path, code: str, said: str
) -> None:
    module = project / "shop" / "procedures.py"
    module.write_text(code)
    done = check(project, "procedures", "shop")
    assert done.returncode == 1
    last = done.stderr.rstrip().splitlines()[-1]
    assert last.startswith("django.core.exceptions.ImproperlyConfigured: shop.procedures cannot be imported")
    assert f"{module}:{said}" in last


def test_a_module_that_hides_ours_is_named_before_anything_of_ours_needs_it(project: Path) -> None:
    (project / "workflows.py").write_text("")
    done = check(project, "procedures", "workflows", "executions")
    assert done.returncode == 1
    said = f"ImproperlyConfigured: {project / 'workflows.py'} hides the package workflows of django-c4c"
    assert said in done.stderr.rstrip().splitlines()[-1]


@pytest.mark.parametrize("name", ["workflows", "executions"])
def test_an_app_of_the_same_name_is_a_check_that_can_be_silenced(project: Path, name: str) -> None:
    (project / name).mkdir()
    (project / name / "__init__.py").touch()
    done = check(project, "procedures", name)
    assert done.returncode == 1
    assert f"(c4c.E003) {project / name / '__init__.py'} hides the package {name}" in done.stderr


def test_a_module_of_the_same_name_that_is_no_app_bothers_nobody(project: Path) -> None:
    (project / "executions.py").write_text("")
    assert check(project, "procedures").returncode == 0


def test_a_folder_of_the_same_name_without_code_hides_nothing(project: Path) -> None:
    (project / "workflows").mkdir()
    assert check(project, "procedures", "workflows").returncode == 0
