from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connections
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from executions import notifications
from tests.ui.server import Server

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING = (
    "no Chromium for the browser tests: install one (Debian: apt-get install chromium; elsewhere: "
    "python -m playwright install chromium), or name one: CHROMIUM=/path/to/chromium"
)
WATCH_POLICY = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.violations.push(event.violatedDirective + " " + event.blockedURI);
});
"""

expect.set_options(timeout=15_000)


@pytest.fixture(scope="module")
def database(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """A database that other processes see too; emptied when the module is through."""
    # Playwright's loop runs in this thread, where Django would take each query for one from async code.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with django_db_blocker.unblock():
        yield
        notifications.close()
        call_command("flush", interactive=False, verbosity=0)
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("serve")


@pytest.fixture(scope="module")
def server(database: None, folder: Path) -> Iterator[Server]:
    """Pages and streams without an executor: what happens is told by the tests."""
    running = Server(folder, "ui", STREAM_SWEEP_SECONDS=0.3)
    yield running
    running.stop()


@pytest.fixture
def mortal(database: None, folder: Path) -> Iterator[Server]:
    """A server that its test may stop and start."""
    running = Server(folder, "ui", STREAM_SWEEP_SECONDS=0.3)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def chromium(database: None) -> Iterator[Browser]:
    # The database first, so that it outlives Playwright's loop.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_path(playwright), args=["--no-sandbox"])
        yield browser
        browser.close()
        connections.close_all()  # those of this thread while Playwright's loop runs in it are not its others


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    opened = chromium.new_context(viewport={"width": 1280, "height": 900})
    opened.set_default_timeout(15_000)
    opened.add_init_script(WATCH_POLICY)
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def _path(playwright: Playwright) -> str:
    named = [os.environ.get("CHROMIUM", ""), *NAMES, playwright.chromium.executable_path]
    found = next((path for name in named if name and (path := shutil.which(name))), None)
    return found or pytest.fail(MISSING)
