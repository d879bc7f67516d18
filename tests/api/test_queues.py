"""Queues: listed, paused and resumed by those who may."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from executions import operations
from executions.models import Queue

pytestmark = pytest.mark.usefixtures("library_workflows")


def test_the_queues_are_listed(api: Client) -> None:
    operations.start("simple-math-workflow", queue="heavy")
    rows = {row["name"]: row for row in api.get("/workflow/queues").json()["queues"]}
    assert rows["heavy"] == {
        "name": "heavy",
        "due": 1,
        "waiting": 0,
        "gated": 0,
        "running": 0,
        "executors": 0,
        "pausedAt": None,
        "pausedBy": "",
    }


def test_a_queue_is_paused_and_resumed(api: Client) -> None:
    paused = api.post("/workflow/queues/heavy/pause", content_type="application/json")
    assert paused.status_code == 200
    assert paused.json()["queue"]["pausedAt"] and paused.json()["queue"]["pausedBy"] == "local operator"
    resumed = api.post("/api/workflow/queues/heavy/resume/", content_type="application/json")
    assert resumed.json()["queue"]["pausedAt"] is None


def test_an_unknown_queue_and_a_bad_name_are_told(api: Client) -> None:
    assert api.post("/workflow/queues/nowhere/resume", content_type="application/json").status_code == 404
    assert api.post("/workflow/queues/no queue/pause", content_type="application/json").status_code == 400
    assert not Queue.objects.exists()


def test_who_may_only_look_holds_no_queue_back(anybody: Client, viewer: User) -> None:
    anybody.force_login(viewer)
    assert anybody.get("/workflow/queues").status_code == 200
    told = Client(headers={"host": "localhost"})
    told.force_login(viewer)
    assert told.post("/workflow/queues/default/pause", content_type="application/json").status_code == 403


def test_an_execution_tells_why_it_waits(api: Client) -> None:
    waiting = operations.start("simple-math-workflow").id
    told = api.get(f"/workflow/executions/{waiting}").json()["execution"]["waiting"]
    assert told == {"reason": "no_worker", "detail": "no executor serves the queue default", "nodes": []}
