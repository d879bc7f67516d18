"""``c4c queues`` and ``c4c worker --queue``."""

from __future__ import annotations

import json
from collections.abc import Callable

from executions import operations
from executions.models import Execution, Queue
from tests.cli.conftest import Run, Running
from tests.cli.test_worker import _wait_for


def test_the_queues_are_listed_paused_and_resumed(typed: Run) -> None:
    operations.start("simple-math-workflow", queue="heavy")
    assert "heavy" in typed("queues").stdout
    assert "since " in typed("queues", "pause", "heavy").stdout
    assert Queue.objects.get(name="heavy").paused_at
    told = json.loads(typed("queues", "resume", "heavy", "--json").stdout)
    assert {row["name"]: row["due"] for row in told["queues"]}["heavy"] == 1
    refused = typed("queues", "resume", "hevy")
    assert (refused.returncode, "did you mean heavy" in refused.stderr) == (2, True)


def test_a_worker_serves_the_queues_that_it_is_given(starting: Callable[..., Running]) -> None:
    starting("worker", "--queue", "left", "--queue", "right").until("left, right")
    elsewhere = operations.start("simple-math-workflow").id
    here = operations.start("simple-math-workflow", queue="right").id
    _wait_for(lambda: Execution.objects.get(pk=here).ended_at is not None)
    assert Execution.objects.get(pk=elsewhere).status == "queued"
