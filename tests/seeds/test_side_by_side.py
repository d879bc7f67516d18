"""Several processes: sites of their own, and workers on a site's data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.seeds.definitions import steps
from tests.seeds.site import Process, Site, database, seconds_until
from tests.site.servers import until

BACKGROUND = {"async": True}
TAKE_OVER = 10.0
"""Seconds within which somebody else goes on with the executions of who died."""


def test_two_sites_know_nothing_of_each_other(
    site: Site, home: Path, ending: Callable[[Process], None]
) -> None:
    other = Site(home)
    ending(other)
    here = site.execute("simple-math-workflow")["executionId"]
    there = other.execute("logging-workflow", executionId="there")["executionId"]
    again = site.execute("simple-math-workflow", executionId="there")["executionId"]

    assert other.get(f"/workflow/executions/{here}").status_code == 404
    assert other.get("/workflow/executions").json()["stats"]["total"] == 1
    assert site.execution(again)["workflowId"] == "simple-math-workflow"
    assert other.execution(there)["workflowId"] == "logging-workflow"


def test_a_worker_beside_the_api_goes_on_when_that_is_killed(
    home: Path, ending: Callable[[Process], None]
) -> None:
    api = Site(home, "api")
    ending(api)
    worker = Process(home, "worker", "worker")
    ending(worker)
    with database(home) as looking:
        executors = "SELECT count(*) FROM c4c_executions_executor WHERE expires_at > now()"
        until(lambda: looking.execute(executors).fetchone() == (2,))
        ids = [api.execute(steps(2, 1.0), **BACKGROUND)["executionId"] for _ in range(5)]
        api.kill()

        def statuses() -> set[str]:
            found = looking.execute("SELECT status FROM c4c_executions_execution WHERE id = ANY(%s)", [ids])
            return {status for (status,) in found}

        assert statuses() == {"running"}
        claimed = "SELECT count(*) FROM c4c_executions_execution WHERE id = ANY(%s) AND leased_by = ANY(%s)"
        theirs = "SELECT array_agg(id) FROM c4c_executions_executor WHERE pid = %s"
        row = looking.execute(theirs, [worker.process.pid]).fetchone()
        assert row is not None
        taken = seconds_until(lambda: looking.execute(claimed, [ids, row[0]]).fetchone() == (len(ids),))
        until(lambda: statuses() == {"completed"})

    assert taken < TAKE_OVER
