"""The pages as the server writes them: what they say, for whom, and that they work without JavaScript."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from executions.models import Command, Execution
from tests.ui import story
from tests.ui.story import MATH, ORDER, Story

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(admin_user: Any) -> Client:
    """Somebody's who may do everything."""
    browser = Client(HTTP_HOST="127.0.0.1", HTTP_ACCEPT="text/html")
    browser.force_login(admin_user)
    return browser


@pytest.fixture
def stranger() -> Client:
    """Nobody's: without DEBUG there is no local operator."""
    return Client(HTTP_HOST="127.0.0.1", HTTP_ACCEPT="text/html")


def text(response: Any) -> str:
    """What is read, without tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def test_the_root_leads_to_the_executions(browser: Client) -> None:
    assert browser.get("/").headers["Location"] == "/executions"


@pytest.mark.parametrize("path", ["/executions", "/executions/"])
def test_the_list_is_served_with_and_without_a_slash(browser: Client, path: str) -> None:
    assert browser.get(path).status_code == 200


def test_every_page_forbids_inline_script_and_foreign_assets(browser: Client) -> None:
    made = story.failed()
    paths = [
        "/executions",
        f"/executions/{made.id}",
        "/executions/nothing",
        f"/executions/{made.id}/edit",
        "/run",
    ]
    for path in paths:
        response = browser.get(path)
        assert (
            "default-src 'none'; script-src 'self'; style-src 'self'" in response["Content-Security-Policy"]
        )
        page = response.content.decode()
        assert not re.search(
            r"<style|\sstyle=|\son\w+=|<script(?![^>]*src=)|javascript:|https?://(?!127)", page
        ), path


def test_the_list_tells_the_four_counts_and_the_smaller_ones(browser: Client) -> None:
    story.done(), story.done(), story.failed(), story.waits(), Story().start()

    said = text(browser.get("/executions"))

    for count in ("Total 5", "Completed 2", "Failed 1", "Running 1", "Waiting 1", "Queued 0"):
        assert count in said


def test_a_row_tells_status_workflow_id_nodes_and_duration(browser: Client) -> None:
    made = story.done()

    row = text(browser.get("/executions")).split("Duration", 1)[1]

    for said in ("Completed", "Three Sums", made.id, "3 / 3", "1.35s"):
        assert said in row


def test_an_execution_that_waits_to_try_again_is_told_as_retrying(browser: Client) -> None:
    story.waits()

    page = browser.get("/executions")

    assert 'data-status="retrying"' in page.content.decode()
    assert "charge: attempt 2 after back-off" in text(page)


def test_executions_that_wait_to_try_again_are_filtered_and_counted(browser: Client) -> None:
    again, asleep = story.waits(), Story(MATH).start().begin("add")
    asleep.wait("add", "sleep", asleep.at)

    response = browser.get("/executions?retrying=1")

    assert again.id in text(response) and asleep.id not in text(response)
    assert "Waiting 2" in text(response) and "Retrying 1" in text(response)
    assert re.search(r'href="\?retrying=1" aria-current', response.content.decode())


def test_filters_are_in_the_url_and_can_be_taken_off(browser: Client) -> None:
    kept, other = story.failed(tags=["night"]), story.done()

    response = browser.get("/executions?status=failed&tag=night")

    assert kept.id in text(response) and other.id not in text(response)
    assert 'href="?status=failed"' in response.content.decode()


@pytest.mark.parametrize("query", ["status=lost", "cursor=made-up", "since=yesterday-ish"])
def test_a_list_that_cannot_be_read_says_why(browser: Client, query: str) -> None:
    response = browser.get(f"/executions?{query}")

    assert response.status_code == 400
    assert "This list cannot be shown" in text(response)


def test_pages_lead_to_older_ones_and_back(browser: Client, settings: Any) -> None:
    settings.C4C = {**settings.C4C, "PAGE_SIZE": 2}
    made = [story.done().id for _ in range(5)]

    def ids(page: str) -> list[str]:
        return re.findall(r'data-row="([^"]+)"', page)

    def link(page: str, rel: str) -> str:
        return re.findall(rf'href="([^"]*)" rel="{rel}"', page)[0].replace("&amp;", "&")

    first = browser.get("/executions").content.decode()
    second = browser.get("/executions" + link(first, "next")).content.decode()
    third = browser.get("/executions" + link(second, "next")).content.decode()
    back = browser.get("/executions" + link(third, "prev")).content.decode()
    newest = browser.get("/executions" + link(back, "prev")).content.decode()

    assert ids(first) + ids(second) + ids(third) == made[::-1]
    assert ids(back) == ids(second) and ids(newest) == ids(first)
    assert 'rel="prev"' not in first and 'rel="next"' not in third


def test_an_open_page_is_told_of_rows_that_left_its_filter(browser: Client) -> None:
    story.version_of(MATH)
    ended, running = story.done(), Story().start()

    page = browser.get(f"/executions?status=running&fragment=1&rows={ended.id},{running.id}").content.decode()

    assert re.search(rf'data-row="{ended.id}"[^>]*data-final data-gone data-extra', page)
    assert re.search(rf'data-row="{running.id}"[^>]*data-status="running"[^>]*>', page)
    assert "<html" not in page


def test_a_list_of_many_costs_no_more_queries_than_one_of_few(browser: Client) -> None:
    story.done()
    with CaptureQueriesContext(connection) as few:
        browser.get("/executions")
    for _ in range(10):
        story.done()
        story.failed()
    with CaptureQueriesContext(connection) as many:
        browser.get("/executions")

    assert len(many) <= len(few) + 1 and len(many) <= 8


def test_with_no_workflow_the_page_says_how_to_write_one(browser: Client) -> None:
    assert "No workflow yet" in text(browser.get("/executions"))


def test_with_no_execution_the_page_says_what_to_do(browser: Client) -> None:
    story.version_of(MATH)

    assert "No executions yet" in text(browser.get("/executions"))


def test_a_filter_that_nothing_fits_is_repeated(browser: Client) -> None:
    story.done()

    said = text(browser.get("/executions?status=failed&q=wf_none"))

    assert "Nothing matches" in said and "wf_none" in said


def test_the_detail_tells_how_far_it_is(browser: Client) -> None:
    made = story.in_flight()

    said = text(browser.get(f"/executions/{made.id}"))

    assert "Nodes executed 7 / 11" in said
    assert "Order Fulfilment" in said and made.id in said and "Running" in said


def test_the_detail_carries_the_cursor_that_its_stream_goes_on_from(browser: Client) -> None:
    made = story.in_flight()

    assert f'data-seq="{made.execution.last_seq}"' in browser.get(f"/executions/{made.id}").content.decode()


def test_a_failed_execution_opens_on_its_failed_node(browser: Client) -> None:
    made = story.failed()

    response = browser.get(f"/executions/{made.id}")
    inspector = text(response).rsplit("Events", 1)[1]

    assert "ZeroDivisionError in charge" in text(response)
    assert "The card was declined" in inspector
    assert re.search(
        r'data-node="charge"[^>]*data-status="failed"[^>]*aria-current', response.content.decode()
    )


def test_a_waiting_execution_opens_on_what_it_waits_for(browser: Client) -> None:
    said = text(browser.get(f"/executions/{story.waits().id}"))

    assert "charge waits for its next attempt, attempt 2 after back-off, due" in said
    assert "Waits for attempt 2 after back-off" in said


def test_a_node_is_chosen_by_a_link(browser: Client) -> None:
    made = story.done()

    page = browser.get(f"/executions/{made.id}?node=multiply").content.decode()
    inspector = page[page.index('id="inspector"') :]

    assert "<h2>multiply</h2>" in inspector and "&quot;a&quot;: 3" in inspector
    assert 'href="?node=subtract"' in page


def test_every_edge_of_the_graph_is_drawn_and_named(browser: Client) -> None:
    page = browser.get(f"/executions/{story.done_order().id}").content.decode()

    assert set(re.findall(r'class="edge" data-kind="(\w+)"', page)) >= {
        "next",
        "true",
        "false",
        "branch",
        "error",
        "join",
    }
    assert len(re.findall(r'class="node"', page)) == len(ORDER["nodes"])
    assert re.search(r'class="edge-label" data-kind="error"', page)


def test_the_steps_table_says_what_the_graph_shows(browser: Client) -> None:
    made = story.in_flight()
    page = browser.get(f"/executions/{made.id}").content.decode()

    drawn = dict(re.findall(r'data-node="([\w-]+)"[^>]*data-status="(\w+)"', page))
    listed = re.findall(r'<tr id="s-\d+" data-status="(\w+)".*?node=([\w-]+)"', page, re.DOTALL)

    assert {node: status for status, node in listed} == {
        node: status for node, status in drawn.items() if status != "unreached"
    }


@pytest.mark.parametrize(
    ("view", "row"),
    [("timeline", r'data-depth="(\d)">(?:<a[^>]*>)?([\w.]+)'), ("trace", r'data-depth="(\d)".*?<b>([\w.]+)')],
)
def test_spans_are_told_as_they_nest(browser: Client, view: str, row: str) -> None:
    page = browser.get(f"/executions/{story.done().id}?view={view}").content.decode()

    assert re.findall(row, page, re.DOTALL) == [
        ("0", "workflow.execute"),
        ("1", "add"),
        ("1", "multiply"),
        ("1", "subtract"),
    ]


def test_the_events_are_sentences_newest_first(browser: Client) -> None:
    said = text(browser.get(f"/executions/{story.failed().id}?view=events"))

    assert said.index("workflow.failed") < said.index("charge failed") < said.index("workflow.queued")


def test_five_thousand_steps_stay_readable(browser: Client) -> None:
    made = story.long(5000)

    with CaptureQueriesContext(connection) as queries:
        page = browser.get(f"/executions/{made.id}").content.decode()

    assert len(page) < 200_000 and len(queries) < 14
    assert "100 of 5000 steps shown" in page
    assert "Earlier steps" in page and 'id="s-4999"' in page


def test_a_graph_too_large_to_be_drawn_unasked_is_drawn_when_asked(browser: Client) -> None:
    made = story.long(300, nodes=300)

    assert "The graph has 300 nodes" in text(browser.get(f"/executions/{made.id}"))
    assert browser.get(f"/executions/{made.id}?draw=1").content.decode().count('class="node"') == 300


def test_a_page_of_steps_can_be_narrowed_and_turned(browser: Client) -> None:
    made = story.long(250)

    assert "No step in this state" in text(browser.get(f"/executions/{made.id}?step=failed"))
    assert 'id="s-100"' in browser.get(f"/executions/{made.id}?from=100").content.decode()


def test_what_an_execution_says_is_never_markup(browser: Client) -> None:
    made = Story(MATH, input={"x": "<script>alert(1)</script>"}, workflow_name="<b>bold</b>").start()
    made.begin("add").fail("add", "<img src=x onerror=alert(1)>").collapse(
        "add", "<img src=x onerror=alert(1)>"
    )

    for path in ("/executions", f"/executions/{made.id}", f"/executions/{made.id}?view=events"):
        page = browser.get(path).content.decode()
        assert "<img" not in page and "<script>alert" not in page and "<b>bold" not in page


def test_the_theme_is_kept_and_the_reader_stays_where_he_is(browser: Client) -> None:
    response = browser.post("/theme", {"theme": "dark", "next": "/executions?status=failed"})

    assert response.headers["Location"] == "/executions?status=failed"
    assert 'data-theme="dark"' in browser.get("/executions").content.decode()


def test_the_theme_form_leads_nowhere_else(browser: Client) -> None:
    response = browser.post("/theme", {"theme": "dark", "next": "https://elsewhere.example/"})

    assert response.headers["Location"] == "/executions"


def test_an_unknown_execution_is_told_as_such(browser: Client) -> None:
    response = browser.get("/executions/wf_exec_none")

    assert response.status_code == 404 and "Execution not found" in text(response)


def test_a_workflow_is_started_from_its_form(browser: Client) -> None:
    story.version_of(MATH)

    response = browser.post(
        "/run", {"workflow": MATH["id"], "fields_of": MATH["id"], "mode": "form", "in.a": "2.5", "in.b": "4"}
    )

    made = Execution.objects.get()
    assert response.headers["Location"] == f"/executions/{made.id}"
    assert made.input == {"a": 2.5, "b": 4}


def test_a_workflow_whose_fields_were_not_shown_starts_without_input(browser: Client) -> None:
    story.version_of(MATH), story.version_of(ORDER)

    browser.post("/run", {"workflow": ORDER["id"], "fields_of": MATH["id"], "mode": "form", "in.a": "2.5"})

    assert Execution.objects.get().input == {}


def test_an_input_that_does_not_fit_comes_back_with_the_problem_beside_its_field(browser: Client) -> None:
    story.version_of(MATH)

    response = browser.post(
        "/run", {"workflow": MATH["id"], "fields_of": MATH["id"], "mode": "form", "in.b": "2.5"}
    )

    assert response.status_code == 400 and not Execution.objects.exists()
    assert re.search(r'name="in.b"[^>]*value="2.5"[^>]*aria-invalid', response.content.decode())


def test_json_that_cannot_be_read_comes_back_as_it_was_typed(browser: Client) -> None:
    story.version_of(MATH)

    response = browser.post("/run", {"workflow": MATH["id"], "mode": "json", "json": '{"a": '})

    assert response.status_code == 400
    assert "This is not JSON" in text(response) and "{&quot;a&quot;: </textarea>" in response.content.decode()


@pytest.mark.parametrize(("verb", "kind"), [("cancel", "cancel"), ("pause", "pause")])
def test_a_verb_is_a_form(browser: Client, verb: str, kind: str) -> None:
    made = story.in_flight()

    response = browser.post(f"/executions/{made.id}/{verb}", {"reason": "enough"})

    assert response.headers["Location"] == f"/executions/{made.id}"
    assert Command.objects.get().kind == kind


@pytest.mark.parametrize("verb", ["retry", "rerun"])
def test_a_new_execution_is_shown_after_it_was_made(browser: Client, verb: str) -> None:
    made = story.failed()

    response = browser.post(f"/executions/{made.id}/{verb}")

    new = Execution.objects.exclude(pk=made.id).get()
    assert response.headers["Location"] == f"/executions/{new.id}"
    assert getattr(new, f"{verb}_of_id") == made.id


def test_an_execution_is_rerun_with_another_input(browser: Client) -> None:
    made = story.done(input={"a": 1})

    form = browser.get(f"/executions/{made.id}/edit").content.decode()
    browser.post(f"/executions/{made.id}/edit", {"mode": "json", "json": '{"a": 2}'})

    assert 'name="in.a"' in form and 'value="1"' in form
    assert Execution.objects.exclude(pk=made.id).get().input == {"a": 2}


def test_a_verb_that_comes_too_late_is_refused_in_words(browser: Client) -> None:
    response = browser.post(f"/executions/{story.done().id}/cancel")

    assert response.status_code == 409
    assert "Cannot cancel an execution that is completed" in text(response)


def test_only_verbs_that_are_possible_have_a_button(browser: Client) -> None:
    def offered(made: Story) -> set[str]:
        page = browser.get(f"/executions/{made.id}").content.decode()
        return set(re.findall(rf'action="/executions/{made.id}/(\w+)"', page))

    assert offered(story.done()) == {"rerun"}
    assert offered(story.failed()) == {"retry", "rerun"}
    assert offered(story.in_flight()) == {"pause", "cancel", "terminate", "signal", "rerun"}


@pytest.mark.parametrize("verb", ["cancel", "pause", "resume", "retry", "rerun"])
def test_verbs_are_never_a_get(browser: Client, verb: str) -> None:
    assert browser.get(f"/executions/{story.done().id}/{verb}").status_code == 405


def test_a_form_without_its_token_is_refused() -> None:
    browser = Client(enforce_csrf_checks=True, HTTP_HOST="127.0.0.1", HTTP_ACCEPT="text/html")

    assert browser.post(f"/executions/{story.done().id}/rerun").status_code == 403


def test_a_stranger_is_led_to_the_sign_in(stranger: Client) -> None:
    response = stranger.get("/executions?status=failed")

    assert response.status_code == 302
    assert response.headers["Location"] == "/admin/login/?next=/executions%3Fstatus%3Dfailed"


def test_a_stranger_gets_no_fragment(stranger: Client) -> None:
    assert stranger.get("/executions?fragment=1").status_code == 401


def test_who_may_only_view_sees_no_button_and_no_stack(stranger: Client) -> None:
    viewer = get_user_model().objects.create_user("ann")
    viewer.user_permissions.add(Permission.objects.get(codename="view_execution"))
    stranger.force_login(viewer)
    made = story.failed()

    page = stranger.get(f"/executions/{made.id}").content.decode()

    assert "/retry" not in page and "File &quot;math.py" not in page
    assert stranger.post(f"/executions/{made.id}/retry").status_code == 403
    assert stranger.get("/run").status_code == 403
    assert 'class="execute"' not in stranger.get("/executions").content.decode()
