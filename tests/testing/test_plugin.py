"""What pytest finds once the package is installed, in somebody else's project."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.database import url

pytest_plugins = "pytester"

PLAIN = ("-p", "no:cacheprovider")
SETTINGS = """
SECRET_KEY = "for tests"
INSTALLED_APPS = [
    "django.contrib.auth", "django.contrib.contenttypes", "procedures", "workflows", "executions", "shop",
]
DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "nobody asks for it"}}
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
"""
WORKFLOWS = """
from workflows.builder import workflow

order = workflow("order")
charge = order.procedure("charge", "shop.charge", amount="${{ input.amount }}", retry={"maxAttempts": 3})
sleep = order.delay("sleep", seconds=30 * 86400)
ship = order.procedure("ship", "shop.ship")
charge >> sleep >> ship
"""
PROCEDURES = """
from procedures import procedure

@procedure("shop.charge")
def charge(amount: int) -> dict[str, int]:
    return {"charged": amount}

@procedure("shop.ship")
def ship(charged: int) -> dict[str, bool]:
    return {"shipped": charged > 0}
"""
TEST = """
from datetime import timedelta

def test_a_card_that_is_declined_twice(c4c):
    c4c.fail("charge", ValueError("declined"), times=2)
    result = c4c.run("order", {"amount": 5}).expect_completed({"ship": {"shipped": True}})
    assert result.node("charge").attempts == 3
    assert result.elapsed > timedelta(days=30)
    result.golden("golden/order.json")
"""
UNUSED = """
import sys

def test_nothing_is_loaded():
    assert not any(name.split(".")[0] in ("django", "workflows") for name in sys.modules)
    assert "executions.models" not in sys.modules
"""


@pytest.fixture
def shop(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeini("[pytest]\nDJANGO_SETTINGS_MODULE = settings\npythonpath = .\nfilterwarnings = error")
    pytester.makepyfile(settings=SETTINGS, test_order=TEST)
    package = pytester.mkpydir("shop")
    (package / "workflows.py").write_text(WORKFLOWS)
    (package / "procedures.py").write_text(PROCEDURES)
    return pytester


def test_the_fixture_is_there_and_needs_no_database(shop: pytest.Pytester) -> None:
    result = shop.runpytest_subprocess("--ds=settings", *PLAIN)
    result.assert_outcomes(passed=1)
    assert (shop.path / "golden" / "order.json").exists()


def test_golden_files_are_compared_and_updated(shop: pytest.Pytester) -> None:
    golden = shop.path / "golden" / "order.json"
    golden.parent.mkdir()
    golden.write_text('{"workflow": "order", "events": []}')
    result = shop.runpytest_subprocess("--ds=settings", *PLAIN)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*order does not do what *order.json recorded*"])
    shop.runpytest_subprocess("--ds=settings", *PLAIN, "--c4c-update").assert_outcomes(passed=1)


def test_a_project_that_does_not_use_it_notices_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(UNUSED)
    result = pytester.runpytest_subprocess("-p", "no:django", *PLAIN, "-W", "error")
    result.assert_outcomes(passed=1)


def test_the_kit_needs_no_pytest() -> None:
    said = "import sys; sys.modules['pytest'] = None; import django; django.setup()"
    told = [sys.executable, "-c", f"{said}; import executions.testing.kit"]
    subprocess.run(told, check=True, env=environment())


def environment() -> dict[str, str]:
    return {"DJANGO_SETTINGS_MODULE": "tests.settings", "DATABASE_URL": url(), "PYTHONPATH": "."}
