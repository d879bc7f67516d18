"""What waits is told, and what can be done about it is offered; many executions, queues, versions."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from executions.models import BulkOperation, Command, Execution, Executor, Lane, NodeRun, Queue, Slot
from tests.ui import kinds, story
from tests.ui.story import MATH, Story
from tests.ui.test_pages import browser, stranger, text

__all__ = ["browser", "stranger"]

pytestmark = pytest.mark.django_db


def page(browser: Client, path: str) -> str:
    response = browser.get(path)
    assert response.status_code == 200, text(response)
    return response.content.decode()


def read(browser: Client, path: str) -> str:
    return text(browser.get(path))


def test_a_signal_that_is_waited_for_is_named_and_can_be_sent(browser: Client) -> None:
    made = kinds.gate()

    said = read(browser, f"/executions/{made.id}")
    browser.post(f"/executions/{made.id}/signal", {"name": "payment.received", "payload": '{"amount": 3}'})

    assert re.search(r"gate waits for a signal, payment\.received ?, until", said)
    word = Command.objects.get()
    assert (word.kind, word.payload) == ("signal", {"name": "payment.received", "payload": {"amount": 3}})


def test_a_payload_that_is_no_json_is_refused_in_words(browser: Client) -> None:
    response = browser.post(f"/executions/{kinds.gate().id}/signal", {"name": "go", "payload": "{"})

    assert response.status_code == 400 and "This is not JSON" in text(response)


def test_an_approval_tells_its_question_and_whose_it_is(browser: Client) -> None:
    made = kinds.review()

    said = read(browser, f"/executions/{made.id}")

    assert "review waits for an approval by ann or a member of finance, until" in said
    assert "Ship it before it is paid?" in said and "Approve" in said and "Refuse" in said


def test_only_whom_it_names_may_decide(stranger: Client) -> None:
    made = kinds.review()
    viewer = get_user_model().objects.create_user("bob")
    viewer.user_permissions.add(Permission.objects.get(codename="view_execution"))
    stranger.force_login(viewer)

    assert "Approve" not in page(stranger, f"/executions/{made.id}")
    assert stranger.post(f"/executions/{made.id}/decide", {"decision": "approved"}).status_code == 403
    assert "Nothing waits for you" in read(stranger, "/approvals")


def test_whom_an_approval_names_decides_without_any_other_right(stranger: Client) -> None:
    made = kinds.review()
    stranger.force_login(get_user_model().objects.create_user("ann"))

    said = read(stranger, "/approvals")
    response = stranger.post(
        f"/executions/{made.id}/decide", {"run": "1", "decision": "refused", "comment": "not yet"}
    )

    assert "Shipping ▸ review" in said and "asked of ann or a member of finance" in said
    assert response.headers["Location"] == "/approvals"
    word = Command.objects.get()
    assert word.actor == "ann" and word.payload["decision"] == "refused"
    assert word.payload["comment"] == "not yet"


def test_an_approval_with_a_form_asks_for_what_it_needs(browser: Client) -> None:
    form = {"type": "object", "properties": {"limit": {"type": "integer"}}, "required": ["limit"]}
    made = kinds.review(form=form)
    path = f"/executions/{made.id}/decide"

    asked = page(browser, f"{path}?run=1")
    missing = browser.post(path, {"run": "1", "decision": "approved", "mode": "form"})
    browser.post(path, {"run": "1", "decision": "approved", "mode": "form", "in.limit": "7"})

    assert 'name="in.limit"' in asked and "Ship it before it is paid?" in asked
    assert missing.status_code == 400
    assert Command.objects.get().payload["payload"] == {"limit": 7}


def test_terminating_is_apart_from_cancelling(browser: Client) -> None:
    made = story.in_flight()

    browser.post(f"/executions/{made.id}/terminate", {"reason": "enough"})

    assert Command.objects.get().payload == {"reason": "enough", "force": True}
    assert 'type="checkbox" required' in page(browser, f"/executions/{made.id}")


def test_what_waits_at_a_limit_says_who_holds_the_places(browser: Client) -> None:
    holder, gate = Story().start(), [{"key": "three-sums concurrency", "limit": 1}]
    Slot.objects.create(key=gate[0]["key"], execution=holder.execution)
    ahead = Story(lane="three-sums/1", gate=gate)
    made = Story(lane="three-sums/1", gate=gate)
    Executor.objects.create(
        id="x", hostname="h", pid=1, concurrency=1, expires_at=timezone.now().replace(year=2999)
    )

    said = read(browser, f"/executions/{made.id}")

    assert "waits for a place under a limit" in said and holder.id in said
    assert "1 comes first, of 2" in said and ahead.id != made.id


def test_what_nobody_serves_says_so(browser: Client) -> None:
    made = Story(available_at=timezone.now())

    assert "no executor serves the queue default" in read(browser, f"/executions/{made.id}")


def test_a_map_shows_its_failed_items_first_and_stays_small(browser: Client) -> None:
    made = kinds.many(10_000, begun=5000, failed=(7, 4321))

    with CaptureQueriesContext(connection) as queries:
        shown = page(browser, f"/executions/{made.id}?node=each")
    listed = re.findall(r'<li id="i-\d+" data-status="(\w+)">', shown)

    assert listed[:3] == ["failed", "failed", "completed"]
    assert "the parcel is too heavy" in shown and "Each cell stands for 10 items" in shown
    assert len(shown) < 250_000 and len(queries) < 20


def test_items_of_one_status_are_picked_out(browser: Client) -> None:
    made = kinds.many(50, begun=40, failed=(3,))

    shown = page(browser, f"/executions/{made.id}?node=each&item=failed")

    assert re.findall(r'<li id="i-\d+" data-status="(\w+)">', shown) == ["failed"]
    assert "Not reached <b>10</b>" in shown


def test_one_of_many_runs_is_inspected(browser: Client) -> None:
    made = kinds.many(50, begun=40, failed=(3,))

    shown = page(browser, f"/executions/{made.id}?node=ship&run=4")

    assert "<h2>ship <small>#3</small></h2>" in shown and "TooHeavy" in shown


def test_what_was_undone_names_what_it_undoes(browser: Client) -> None:
    made = kinds.undone()

    shown = browser.get(f"/executions/{made.id}")

    assert re.search(r"release\s+undoes reserve", text(shown))
    assert 'data-kind="compensate"' in shown.content.decode()
    assert "Skipped 2" in text(shown)


def test_parent_and_child_lead_to_each_other(browser: Client) -> None:
    parent = Story(kinds.SHIPPING).start().run("reserve").begin("bill")
    child = Story(MATH, parent=parent.execution, parent_run=1).start()

    assert f'href="/executions/{child.id}"' in page(browser, f"/executions/{parent.id}")
    assert f'href="/executions/{parent.id}?run=1"' in page(browser, f"/executions/{child.id}")
    listed = page(browser, f"/executions?parent={parent.id}")
    assert f'data-row="{child.id}"' in listed and f'data-row="{parent.id}"' not in listed


def test_what_an_attempt_tells_begins_anew_with_the_next(browser: Client) -> None:
    made = Story(MATH).start().begin("add")
    kinds.tells(made, progress=0.4, message="4 of 10")
    kinds.tells(made, chunk="from the first attempt", offset=0)
    kinds.tells(made, level="warning", message="slow disk")
    first = read(browser, f"/executions/{made.id}?node=add")
    NodeRun.objects.update(attempt=2)
    kinds.tells(made, attempt=2, chunk="Once ", offset=0)
    kinds.tells(made, attempt=2, chunk="more", offset=5)

    second = read(browser, f"/executions/{made.id}?node=add")

    assert "40 % 4 of 10" in first and "slow disk" in first and "from the first attempt" in first
    assert "Once more" in second and "from the first attempt" not in second and "40 %" not in second


def test_lost_attempts_are_told_apart_from_failed_ones(browser: Client) -> None:
    made = Story(MATH).start().begin("add")
    past = [{"attempt": 1, "outcome": "lost"}, {"attempt": 2, "outcome": "failed"}]
    NodeRun.objects.update(attempt=3, lost=1, attempts=past)

    said = read(browser, f"/executions/{made.id}?node=add")

    assert "1 Lost with its executor" in said and "2 Failed" in said and "3 Running" in said


def test_a_rerun_starts_from_a_node_that_ran(browser: Client) -> None:
    made = story.failed()

    form = page(browser, f"/executions/{made.id}/edit?from=charge")
    browser.post(
        f"/executions/{made.id}/edit", {"mode": "json", "json": "{}", "from": "charge", "version": "original"}
    )

    assert "<option selected>charge</option>" in form
    new = Execution.objects.exclude(pk=made.id).get()
    adopted = NodeRun.objects.filter(execution=new).values_list("node_id", flat=True)
    assert list(adopted) == ["fetch-order", "check-premium", "standard"]


def test_many_are_counted_first_then_done_in_the_background(browser: Client) -> None:
    made = [story.failed(), story.failed(), story.done()]

    asked = read(browser, "/bulk/new?action=retry&scope=filter&status=failed")
    assert "Retry 2 executions?" in asked and not BulkOperation.objects.exists()
    response = browser.post("/bulk/new", {"action": "retry", "scope": "filter", "status": "failed"})

    begun = BulkOperation.objects.get()
    assert response.headers["Location"] == f"/bulk/{begun.pk}"
    assert (begun.action, begun.filter, begun.total) == ("retry", {"status": ["failed"]}, 2)
    assert "Retry all that match" in read(browser, f"/bulk/{begun.pk}") and made


def test_ticked_executions_are_meant_alone(browser: Client) -> None:
    made = [Story().start() for _ in range(3)]

    asked = page(
        browser, f"/bulk/new?action=cancel&scope=ids&status=running&ids={made[0].id}&ids={made[2].id}"
    )
    browser.post("/bulk/new", {"action": "cancel", "ids": [made[0].id, made[2].id], "reason": "enough"})

    assert "Cancel 2 executions?" in asked
    begun = BulkOperation.objects.get()
    assert begun.ids == [made[0].id, made[2].id] and begun.options == {"reason": "enough"}


def test_a_bulk_operation_is_stopped(browser: Client) -> None:
    browser.post("/bulk/new", {"action": "cancel", "ids": [Story().start().id]})
    begun = BulkOperation.objects.get()

    browser.post(f"/bulk/{begun.pk}/stop")

    begun.refresh_from_db()
    assert begun.status == "cancelled"
    assert "data-final" in page(browser, f"/bulk/{begun.pk}") and "Cancel" in read(browser, "/bulk")


def test_who_may_only_view_has_nothing_to_tick(stranger: Client) -> None:
    viewer = get_user_model().objects.create_user("bob")
    viewer.user_permissions.add(Permission.objects.get(codename="view_execution"))
    stranger.force_login(viewer)
    made = Story().start()

    assert "checkbox" not in page(stranger, "/executions")
    assert stranger.post("/bulk/new", {"action": "cancel", "ids": [made.id]}).status_code == 403
    assert "/pause" not in page(stranger, "/queues")


def test_a_queue_is_paused_and_goes_on(browser: Client) -> None:
    browser.post("/queues/mail/pause")
    paused = read(browser, "/queues")
    browser.post("/queues/mail/resume")

    assert "mail Paused by admin" in paused
    assert Queue.objects.get(name="mail").paused_at is None


def test_limits_tell_who_holds_their_places_and_which_lanes_wait(browser: Client) -> None:
    key, gate = 'three-sums concurrency 1="ann"', []
    gate.append({"key": key, "limit": 1, "value": '"ann"'})
    holder = Story(gate=gate).start()
    Slot.objects.create(key=key, execution=holder.execution)
    Story(lane="three-sums/1", gate=gate)
    Lane.objects.create(name="three-sums/1", queue="default", gate=gate, blocked_by=key, check_at=None)

    said = read(browser, "/queues")

    assert f"1 / 1 {holder.id} 1" in said
    assert "three-sums &quot;ann&quot; default 1" in said


def test_two_versions_are_compared_and_executions_moved(browser: Client) -> None:
    asleep = Story(MATH).start().run("add").begin("multiply")
    asleep.wait("multiply", "sleep", asleep.at)
    nodes = [{**one, "next": "check"} if one["id"] == "subtract" else one for one in MATH["nodes"]]
    story.version_of({**MATH, "nodes": [*nodes, story.procedure("check")]})
    path = f"/workflows/{MATH['id']}"

    said = read(browser, path)
    tried = text(browser.post(f"{path}/migrate", {"to": "2", "from": "", "dry": "1"}))
    asleep.execution.refresh_from_db()
    before = asleep.execution.version.number
    moved = text(browser.post(f"{path}/migrate", {"to": "2", "from": ""}))
    asleep.execution.refresh_from_db()

    assert "From v1 to v2" in said and "+ check procedure, added" in said and "/next" in said
    assert "1 would be moved to v2, 0 would stay" in tried and before == 1
    assert "1 moved to v2" in moved and asleep.execution.version.number == 2


def test_every_workflow_leads_to_its_versions(browser: Client) -> None:
    story.version_of(MATH)

    assert f'href="/workflows/{MATH["id"]}"' in page(browser, "/workflows")
    assert "There is one version so far" in read(browser, f"/workflows/{MATH['id']}")
    assert browser.get("/workflows/none").status_code == 404
