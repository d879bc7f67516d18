"""The pages in a browser, while things happen and while things break."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import BrowserContext, Locator, Page, Request, Route, expect

from executions.models import NodeRun
from tests.ui import kinds, story
from tests.ui.server import Server
from tests.ui.story import MATH, ORDER, Story

STREAMS = re.compile(r"/(executions-stream|stream)(\?|$)")


def open_list(page: Page, server: Server, query: str = "") -> None:
    page.goto(f"{server.url}/executions{query}")


def open_detail(page: Page, server: Server, made: Story, query: str = "") -> None:
    page.goto(f"{server.url}/executions/{made.id}{query}")


def live(page: Page, state: str = "Live") -> None:
    expect(page.locator("[data-connection-word]")).to_have_text(state)


def row(page: Page, made: Story) -> Locator:
    return page.locator(f'[data-row="{made.id}"]')


def node(page: Page, node_id: str) -> Locator:
    return page.locator(f'[data-node="{node_id}"]')


def test_a_new_execution_appears_in_the_list_by_itself(page: Page, server: Server) -> None:
    story.done()
    open_list(page, server)
    live(page)

    made = Story(MATH).start()

    expect(row(page, made)).to_contain_text("Running")
    expect(page.locator("[data-rows] tr").first).to_have_attribute("data-row", made.id)


def test_a_row_is_changed_in_place(page: Page, server: Server) -> None:
    made = Story(MATH).start()
    open_list(page, server)
    live(page)
    row(page, made).evaluate("row => row.mark = 'the same element'")

    made.run("add", "multiply", "subtract").complete()

    expect(row(page, made)).to_contain_text("Completed")
    expect(row(page, made)).to_contain_text("3 / 3")
    assert row(page, made).evaluate("row => row.mark") == "the same element"


def test_the_cards_count_along(page: Page, server: Server) -> None:
    open_list(page, server)
    live(page)
    before = int(page.locator('[data-count="completed"]').inner_text())

    story.done()

    expect(page.locator('[data-count="completed"]')).to_have_text(str(before + 1))


def test_rows_wait_behind_a_button_while_somebody_reads(page: Page, server: Server) -> None:
    old = [story.done() for _ in range(30)]
    open_list(page, server)
    live(page)
    page.evaluate("scrollTo(0, 400)")
    place = row(page, old[-5]).bounding_box()

    made = [story.done(), story.done()]
    expect(page.locator("[data-fresh]")).to_have_text("2 new")

    assert row(page, made[0]).count() == 0
    assert row(page, old[-5]).bounding_box() == place
    page.locator("[data-fresh]").click()
    expect(row(page, made[1])).to_be_visible()
    expect(page.locator("[data-fresh]")).to_be_hidden()
    assert page.evaluate("scrollY") == 0


def test_a_row_that_left_the_filter_stays_and_says_so(page: Page, server: Server) -> None:
    made = Story(MATH, tags=["leaves"]).start()
    open_list(page, server, "?status=running&tag=leaves")
    live(page)

    made.run("add").complete()

    expect(row(page, made)).to_contain_text("no longer matches")


def test_pausing_holds_the_list_and_following_catches_up(page: Page, server: Server) -> None:
    story.done()
    open_list(page, server)
    live(page)
    page.locator("[data-pause]").click()
    live(page, "Paused")
    assert "live=0" in page.url

    made = Story(MATH).start()
    other = page.context.new_page()
    open_list(other, server)
    expect(row(other, made)).to_be_visible()  # it could have been told
    assert row(page, made).count() == 0
    page.locator("[data-pause]").click()

    live(page)
    expect(row(page, made)).to_be_visible()


def test_the_graph_lives(page: Page, server: Server) -> None:
    made = Story(ORDER).start()
    open_detail(page, server, made)
    live(page)
    expect(node(page, "fetch-order")).to_have_attribute("data-status", "unreached")

    made.begin("fetch-order")
    expect(node(page, "fetch-order")).to_have_attribute("data-status", "running")
    made.later(1).end("fetch-order").begin("check-premium")

    expect(node(page, "fetch-order")).to_have_attribute("data-status", "completed")
    expect(node(page, "check-premium")).to_have_attribute("data-status", "running")
    expect(page.locator("#s-0")).to_contain_text("Completed")
    expect(page.locator(".facts")).to_contain_text("2 / 11")


def test_the_end_of_an_execution_ends_its_stream(page: Page, server: Server) -> None:
    made = Story(MATH).start().run("add", "multiply")
    open_detail(page, server, made)
    live(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    made.run("subtract").complete()

    live(page, "Ended")
    expect(page.locator(".facts")).to_contain_text("Completed")
    expect(page).to_have_title(re.compile("^Completed"))
    page.wait_for_timeout(1500)
    assert [url for url in asked if STREAMS.search(url)] == []


def test_a_duration_ticks(page: Page, server: Server) -> None:
    made = Story(MATH).start()
    open_detail(page, server, made)
    duration = page.locator(".facts [data-since]")
    first = duration.inner_text()

    expect(duration).not_to_have_text(first)


class TestABrokenStream:
    """However the stream breaks, the page ends on the right state."""

    @pytest.fixture
    def made(self) -> Story:
        return Story(ORDER).start().run("fetch-order")

    def end(self, page: Page, made: Story) -> None:
        made.run("check-premium", "express").begin("charge").later(1).fail("charge").collapse("charge")
        live(page, "Ended")
        expect(page.locator(".facts")).to_contain_text("Failed")
        expect(page.locator(".failure").first).to_contain_text("division by zero")
        expect(node(page, "charge")).to_have_attribute("data-status", "failed")

    @pytest.mark.parametrize("status", [204, 404, 429, 500, 503])
    def test_refused(self, page: Page, server: Server, made: Story, status: int) -> None:
        page.route(STREAMS, lambda route: route.fulfill(status=status))
        open_detail(page, server, made)

        live(page, "Polling")
        self.end(page, made)

    def test_cut_off(self, page: Page, server: Server, made: Story) -> None:
        page.route(STREAMS, lambda route: route.abort())
        open_detail(page, server, made)

        live(page, "Polling")
        self.end(page, made)

    def test_answered_with_a_page(self, page: Page, server: Server, made: Story) -> None:
        page.route(
            STREAMS, lambda route: route.fulfill(body="<html>Bad gateway</html>", content_type="text/html")
        )
        open_detail(page, server, made)

        live(page, "Polling")
        self.end(page, made)

    def test_greeted_and_cut_again_and_again(self, page: Page, server: Server, made: Story) -> None:
        hello = 'event: workflow.stream.connected\ndata: {"executionId": "x"}\n\n'
        page.route(STREAMS, lambda route: route.fulfill(body=hello, content_type="text/event-stream"))
        open_detail(page, server, made)

        live(page, "Polling")
        self.end(page, made)

    def test_refused_at_first(self, page: Page, server: Server, made: Story) -> None:
        refused = iter([True])

        def answer(route: Route) -> None:
            route.fulfill(status=503) if next(refused, False) else route.continue_()

        page.route(STREAMS, answer)
        open_detail(page, server, made)

        live(page)
        self.end(page, made)

    def test_gone_with_its_server(self, page: Page, mortal: Server, made: Story) -> None:
        open_detail(page, mortal, made)
        live(page)

        mortal.stop()
        live(page, "Reconnecting")
        made.run("check-premium", "standard")
        mortal.start()

        self.end(page, made)

    def test_offline(self, page: Page, mortal: Server, made: Story, context: BrowserContext) -> None:
        open_detail(page, mortal, made)
        live(page)

        mortal.stop()
        context.set_offline(True)
        live(page, "Reconnecting")
        mortal.start()
        context.set_offline(False)

        self.end(page, made)

    def test_resumed_where_it_was(self, page: Page, mortal: Server, made: Story) -> None:
        """The cursor goes along: nothing is sent twice."""
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url) if STREAMS.search(request.url) else None)
        open_detail(page, mortal, made)
        live(page)
        made.run("check-premium")
        expect(node(page, "check-premium")).to_have_attribute("data-status", "completed")
        told = made.execution.last_seq

        mortal.stop()
        live(page, "Reconnecting")
        mortal.start()
        live(page)

        assert asked[-1].endswith(f"lastEventId={made.id}%3A{told}")


def test_the_list_goes_on_without_its_stream(page: Page, server: Server) -> None:
    page.route(STREAMS, lambda route: route.fulfill(status=503))
    open_list(page, server)
    live(page, "Polling")

    made = Story(MATH).start()
    expect(row(page, made)).to_contain_text("Running")
    made.run("add").complete()

    expect(row(page, made)).to_contain_text("Completed")


def test_who_is_signed_out_is_told(page: Page, server: Server) -> None:
    made = Story(MATH).start()
    open_detail(page, server, made)
    live(page)
    page.route(re.compile("fragment=1"), lambda route: route.fulfill(status=401))

    made.begin("add")

    live(page, "Signed out")


def test_a_page_that_was_left_and_came_back_follows_again(page: Page, server: Server) -> None:
    made = Story(MATH).start()
    open_detail(page, server, made)
    live(page)
    open_list(page, server)
    made.begin("add")

    page.go_back()

    expect(node(page, "add")).to_have_attribute("data-status", "running")
    live(page)


def test_a_node_is_looked_into_without_leaving_the_stream(page: Page, server: Server) -> None:
    made = Story(MATH).start().run("add")
    open_detail(page, server, made)
    live(page)
    streams: list[Request] = []
    page.on("request", lambda request: streams.append(request) if STREAMS.search(request.url) else None)

    node(page, "add").click()
    expect(page.locator("#inspector")).to_contain_text('"result": 15')
    assert page.url.endswith("?node=add")
    page.get_by_role("link", name="Timeline").click()
    expect(page.locator(".gantt")).to_be_visible()
    page.go_back()
    expect(page.locator(".graph")).to_be_visible()

    assert streams == []


def test_the_keyboard_reaches_the_failed_node_and_its_retry(page: Page, server: Server) -> None:
    made = story.failed()
    open_list(page, server, "?status=failed")

    link = row(page, made).get_by_role("link")
    link.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/executions/{made.id}")
    page.get_by_role("button", name="Retry").focus()
    page.keyboard.press("Enter")

    page.wait_for_url(lambda url: made.id not in url)
    expect(page.locator(".ids")).to_contain_text(f"retry of {made.id}")


def test_a_workflow_is_started_from_the_form_of_its_schema(page: Page, server: Server) -> None:
    story.version_of(MATH), story.version_of(ORDER)
    open_list(page, server)
    page.get_by_label("Workflow", exact=True).first.select_option(ORDER["id"])
    expect(page.locator("input[name=fields_of]")).to_have_value(ORDER["id"])
    page.get_by_label("Workflow", exact=True).first.select_option(MATH["id"])
    expect(page.locator("input[name=fields_of]")).to_have_value(MATH["id"])
    page.locator("summary", has_text="Input").click()
    page.get_by_label("a", exact=True).fill("2.5")
    page.get_by_role("radio", name="JSON").check()
    expect(page.get_by_label("Input as JSON")).to_have_value('{\n  "a": 2.5\n}')
    page.get_by_label("Input as JSON").fill('{"a": 3, "b": 4}')
    page.get_by_role("radio", name="Form").check()
    expect(page.get_by_label("b", exact=True)).to_have_value("4")

    page.get_by_role("button", name="Execute").click()

    page.wait_for_url("**/executions/wf_exec_*")
    expect(page.locator("#inspector")).to_contain_text('"a": 3')


@pytest.fixture
def plain(context: BrowserContext) -> Iterator[Page]:
    """A page without JavaScript."""
    browser = context.browser
    assert browser
    opened = browser.new_context(java_script_enabled=False)
    yield opened.new_page()
    opened.close()


def test_without_javascript_everything_is_links_and_forms(plain: Page, server: Server) -> None:
    story.version_of(MATH)
    made = story.in_flight()
    open_list(plain, server)
    expect(plain.get_by_role("link", name="Refresh")).to_be_visible()
    assert not plain.locator("[data-pause]").is_visible()
    row(plain, made).get_by_role("link").click()
    plain.get_by_role("link", name="Trace").click()
    expect(plain.locator(".trace")).to_be_visible()
    plain.get_by_role("link", name="Graph").click()
    plain.get_by_role("group", name="Actions").get_by_role("button", name="Pause").click()
    expect(plain.locator("h1")).to_have_text("Order Fulfilment")
    plain.locator("summary", has_text="Rerun").click()
    plain.get_by_role("link", name="Edit input").click()
    plain.get_by_label("Input as JSON").fill('{"n": 1}')
    plain.get_by_role("button", name="Rerun with this input").click()
    expect(plain.locator("#inspector")).to_contain_text('"n": 1')
    plain.get_by_role("button", name="Dark").click()
    expect(plain.locator("html")).to_have_attribute("data-theme", "dark")


def test_the_theme_changes_at_once_and_stays(page: Page, server: Server) -> None:
    open_list(page, server)
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")

    page.get_by_role("button", name="Dark").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != paper
    page.reload()

    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.get_by_role("button", name="System").click()
    page.emulate_media(color_scheme="light")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == paper


def pages_of(server: Server) -> list[str]:
    told = kinds.tells(Story(MATH).start().begin("add"), progress=0.4, message="4 of 10")
    made, failed, waits, flying = story.done_order(), story.failed(), story.waits(), story.in_flight()
    return [
        "/executions",
        "/executions?status=completed&tag=none",
        f"/executions/{failed.id}",
        f"/executions/{waits.id}",
        f"/executions/{flying.id}?node=pack",
        f"/executions/{made.id}?view=timeline",
        f"/executions/{made.id}?view=trace",
        f"/executions/{made.id}?view=events",
        f"/executions/{failed.id}/edit",
        f"/executions/{kinds.review().id}",
        f"/executions/{kinds.many(5000, begun=3000, failed=(7,)).id}?node=each",
        f"/executions/{kinds.undone().id}",
        f"/executions/{kinds.tells(told, chunk='Once ', offset=0).id}?node=add",
        "/approvals",
        "/queues",
        "/bulk",
        "/bulk/new?action=terminate&scope=filter&status=running",
        "/workflows",
        f"/workflows/{MATH['id']}",
        "/executions/wf_none",
        f"/run?workflow={MATH['id']}",
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing_and_the_policy_is_kept(page: Page, server: Server, theme: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text) if message.type == "error" else None)
    for path in pages_of(server):
        page.goto(server.url + path)
        for summary in page.locator(".execute summary, .spans summary").all()[:3]:
            summary.click()
        found = Axe().run(page).response["violations"]
        assert [(path, one["id"], one["nodes"][0]["html"][:200]) for one in found] == []
        assert page.evaluate("window.violations") == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (
            f"{path} is wider than the window"
        )
        cut = page.locator(".list").evaluate_all(
            "all => all.filter(one => one.scrollWidth > one.clientWidth)"
        )
        assert cut == []
    assert [line for line in told if "404" not in line] == []


def test_five_thousand_steps_are_no_burden(page: Page, server: Server) -> None:
    made = story.long(5000)
    page.add_init_script(
        "window.slow = []; new PerformanceObserver(list => window.slow.push(...list.getEntries()"
        ".map(entry => entry.duration))).observe({type: 'longtask', buffered: true})"
    )
    open_detail(page, server, made)
    live(page)
    made.reached = 5000
    made.begin("step-0000")

    expect(page.locator(".facts")).to_contain_text("5001")
    assert page.locator("tr").count() < 150
    assert max(page.evaluate("window.slow"), default=0) < 400


def test_text_grows_as_it_is_made_and_begins_anew_with_the_next_attempt(page: Page, server: Server) -> None:
    made = kinds.tells(Story(MATH).start().begin("add"), chunk="Once ", offset=0)
    open_detail(page, server, made, "?node=add")
    live(page)

    kinds.tells(made, chunk="upon a time", offset=5)
    expect(page.locator("[data-text]")).to_have_text("Once upon a time")
    NodeRun.objects.filter(execution=made.execution).update(attempt=2)
    kinds.tells(made, attempt=2, chunk="Anew", offset=0)

    expect(page.locator("[data-text]")).to_have_text("Anew")


def test_ticked_executions_are_counted_and_cancelled(page: Page, server: Server) -> None:
    made = [Story(MATH).start(), Story(MATH).start()]
    open_list(page, server, "?status=running")
    for one in made:
        row(page, one).get_by_role("checkbox").check()
    expect(page.locator("[data-chosen]")).to_have_text("2 chosen")

    page.get_by_role("button", name="the ticked ones").click()
    page.get_by_role("button", name="Cancel 2").click()

    page.wait_for_url("**/bulk/bulk_*")
    expect(page.locator(".facts")).to_contain_text("0 / 2")
