"""The wheel brings all that somebody else's project needs: code, templates, static files, migrations."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.site.servers import DEADLINE, PROJECT, folder, until

SETTINGS = """
from pathlib import Path

HERE = Path(__file__).parent
SECRET_KEY = "only here"
DEBUG = True
INSTALLED_APPS = [
    "daphne",
    "django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes",
    "django.contrib.sessions", "django.contrib.messages", "django.contrib.staticfiles",
    "rest_framework", "drf_spectacular", "drf_spectacular_sidecar", "django_eventstream",
    "procedures", "workflows", "executions",
    "shop",
]
MIDDLEWARE = [
    "executions.api.http.middleware.problem_middleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "executions.permissions.local_operator_middleware",
]
TEMPLATES = [{
    "BACKEND": "django.template.backends.django.DjangoTemplates",
    "APP_DIRS": True,
    "OPTIONS": {"context_processors": [
        "django.template.context_processors.request",
        "django.contrib.auth.context_processors.auth",
        "django.contrib.messages.context_processors.messages",
    ]},
}]
ROOT_URLCONF = "urls"
ALLOWED_HOSTS = ["testserver", "127.0.0.1"]
C4C = {"HOST": "127.0.0.1"}
STATIC_URL = "static/"
USE_TZ = True
BASE_DIR = HERE
DATABASES = {"default": {"ENGINE": "c4c_site.postgres"}}
"""

URLS = """
from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("executions.api.urls")),
    path("", include("executions.ui.urls")),
    path("admin/", admin.site.urls),
]
"""

MANAGE = """
import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""

PROCEDURES = """
from procedures import procedure

@procedure("shop.double", description="Twice as much")
def double(a: int) -> dict[str, int]:
    return {"doubled": 2 * a}
"""

LOOK = """
import executions
from django.contrib.auth.models import User
from django.contrib.staticfiles import finders
from django.test import Client
from workflows import library

library.publish({
    "id": "shop", "name": "Shop", "version": "1", "startNode": "double",
    "nodes": [{"id": "double", "type": "procedure", "procedureName": "shop.double", "config": {"a": 2}}],
})
client = Client()
client.force_login(User.objects.create_superuser("me"))
page = client.get("/executions")
print(executions.__file__)
print(page.status_code, b"<html" in page.content)
print(client.get("/workflow/definitions").json()["workflows"][0]["id"])
print(bool(finders.find("c4c/c4c.js")), bool(finders.find("c4c/c4c.css")))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built and unpacked as pip installs it. What it depends on is taken from here."""
    place = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(place)]
    subprocess.run(build, cwd=PROJECT, check=True, capture_output=True)
    (wheel,) = place.glob("*.whl")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--target", str(place / "packages"), str(wheel)], check=True, capture_output=True)
    return place / "packages"


@pytest.fixture
def project() -> Iterator[Path]:
    with folder() as home:
        place = home.parent
        files = {"settings.py": SETTINGS, "urls.py": URLS, "manage.py": MANAGE, "shop/__init__.py": ""}
        files["shop/procedures.py"] = PROCEDURES
        for name, text in files.items():
            (place / name).parent.mkdir(exist_ok=True)
            (place / name).write_text(text)
        yield place


Manage = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def environment(installed: Path, project: Path) -> dict[str, str]:
    ours = ("DJANGO_SETTINGS_MODULE", "DATABASE_URL", "PYTHONPATH", "C4C_DATA_DIR", "PORT")
    plain = {name: value for name, value in os.environ.items() if name not in ours}
    return {**plain, "PYTHONPATH": os.pathsep.join([str(project), str(installed)])}


@pytest.fixture
def run(project: Path, environment: dict[str, str]) -> Manage:
    def manage(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-P", "manage.py", *words],
            cwd=project,
            env=environment,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )

    return manage


def test_an_empty_project_runs_on_the_wheel(run: Manage, installed: Path) -> None:
    def manage(*words: str) -> str:
        done = run(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    manage("check", "--fail-level", "WARNING")
    manage("makemigrations", "--check", "--dry-run")
    manage("migrate", "--verbosity", "0")
    told = manage("shell", "-v", "0", "-c", LOOK).splitlines()

    assert told == [f"{installed}/executions/__init__.py", "200 True", "shop", "True True"]
    assert "shop.double" in manage("c4c", "procedures")


def test_an_empty_project_serves_pages_with_their_look(
    run: Manage, project: Path, environment: dict[str, str], unused_port: int
) -> None:
    """As the README tells: no sign-in on one's own machine, PORT, and static files without runserver."""
    run("migrate", "--verbosity", "0").check_returncode()
    base = f"http://127.0.0.1:{unused_port}"

    with _serving(project, {**environment, "PORT": str(unused_port)}, f"{base}/health"):
        assert httpx.get(f"{base}/executions").status_code == 200
        assert httpx.get(f"{base}/static/c4c/c4c.css").status_code == 200
        assert httpx.get(f"{base}/workflow/executions").json()["executions"] == []


@pytest.mark.parametrize("shadow", ["workflows/__init__.py", "procedures.py"])
def test_a_module_of_the_project_that_hides_ours_is_named(run: Manage, project: Path, shadow: str) -> None:
    (project / shadow).parent.mkdir(exist_ok=True)
    (project / shadow).write_text("")

    done = run("check")

    assert done.returncode == 1
    assert str(project / shadow) in done.stderr.splitlines()[-1]


@contextmanager
def _serving(project: Path, environment: dict[str, str], health: str) -> Iterator[None]:
    command = [sys.executable, "-P", "manage.py", "c4c", "serve"]
    process = subprocess.Popen(command, cwd=project, env=environment)
    try:
        until(lambda: _answers(process, health))
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(DEADLINE)


def _answers(process: subprocess.Popen[bytes], address: str) -> bool:
    assert process.poll() is None
    try:
        return httpx.get(address).is_success
    except httpx.TransportError:
        return False
