"""The pages over the whole: a workflow is started in the browser, an executor runs it, the page follows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.ui.server import Server


@pytest.fixture(scope="module")
def whole(database: None, folder: Path) -> Iterator[Server]:
    running = Server(folder, "all")
    yield running
    running.stop()


def execute(page: Page, whole: Server, workflow_id: str) -> str:
    """Choose it in the list, press Execute; the new execution's id."""
    page.goto(f"{whole.url}/executions")
    page.locator("[data-run-workflow]").select_option(workflow_id)
    expect(page.locator("input[name=fields_of]")).to_have_value(workflow_id)
    page.get_by_role("button", name="Execute").click()
    page.wait_for_url(re.compile("/executions/wf_exec_"))
    return page.url.rpartition("/")[2]


def test_a_started_workflow_is_watched_to_its_end(page: Page, whole: Server) -> None:
    execute(page, whole, "parallel-workflow")

    expect(page.locator("[data-connection-word]")).to_have_text("Ended")
    expect(page.locator(".facts")).to_contain_text("Completed")
    for node_id in ("start", "parallel-processing", "math-branch", "data-branch", "finalize"):
        expect(page.locator(f'[data-node="{node_id}"]')).to_have_attribute("data-status", "completed")


def test_a_failing_workflow_ends_on_its_failed_node(page: Page, whole: Server) -> None:
    execute(page, whole, "error-demo")

    expect(page.locator("[data-connection-word]")).to_have_text("Ended")
    expect(page.locator(".failure").first).to_contain_text("will-fail")
    expect(page.locator("#inspector")).to_contain_text("Division by zero")
    expect(page.locator('[data-node="never-reached"]')).to_have_attribute("data-status", "unreached")


def test_a_list_that_stands_open_shows_what_another_tab_started(page: Page, whole: Server) -> None:
    page.goto(f"{whole.url}/executions")
    expect(page.locator("[data-connection-word]")).to_have_text("Live")

    made = execute(page.context.new_page(), whole, "simple-math-workflow")

    expect(page.locator(f'[data-row="{made}"]')).to_contain_text("Completed")
    expect(page.locator(f'[data-row="{made}"]')).to_contain_text("3 / 3")


def test_a_running_execution_is_paused_resumed_and_cancelled(page: Page, whole: Server) -> None:
    execute(page, whole, "long-running-workflow")
    expect(page.locator('[data-node="phase-1"]')).to_have_attribute("data-status", "running")

    page.get_by_role("group", name="Actions").get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("group", name="Actions").get_by_role("button", name="Pause")).to_be_visible()
    page.locator("summary", has_text="Cancel").click()
    page.get_by_label("Why?").fill("seen enough")
    page.get_by_role("button", name="Cancel execution").click()

    expect(page.locator("[data-connection-word]")).to_have_text("Ended")
    expect(page.locator(".facts")).to_contain_text("Cancelled")
    page.get_by_role("link", name="Events").click()
    expect(page.locator(".log")).to_contain_text("seen enough")
