"""What versions differ in, and moving executions that rest from one to another."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from executions import operations
from executions.models import Execution
from tests.api import stored
from tests.executions.build import delay, document, step
from workflows import library
from workflows.models import WorkflowVersion

pytestmark = pytest.mark.django_db

PATH = "/workflow/definitions/moving"


@pytest.fixture
def versions(db: Any) -> list[WorkflowVersion]:
    """Each with more changed than the one before: another next step, then another kind of the first."""
    return [
        library.publish(document(delay("nap", 60, "end"), step("end"), id="moving")),
        library.publish(document(delay("nap", 60, "more"), step("more", "end"), step("end"), id="moving")),
        library.publish(document(step("nap", "end"), step("end"), id="moving")),
    ]


def resting(version: WorkflowVersion, status: str = "waiting", **fields: Any) -> Execution:
    made = stored.execution(status, version=version, **fields)
    stored.node_run(made, "nap", "waiting", kind="delay", procedure="")
    return made


def migrate(client: Client, **body: Any) -> dict[str, Any]:
    response = client.post(f"{PATH}/migrate", body, content_type="application/json")
    assert response.status_code == 200, response.json()
    told: dict[str, Any] = response.json()
    return told


def number(execution: Execution) -> int:
    return Execution.objects.select_related("version").get(pk=execution.pk).version.number


def test_the_difference_of_two_versions_is_told(api: Client, versions: list[WorkflowVersion]) -> None:
    told = api.get(f"{PATH}/diff?from=1&to=2").json()
    assert (told["from"], told["to"]) == (1, 2)
    assert told["difference"]["added"] == ["more"] and told["difference"]["removed"] == []
    [changed] = told["difference"]["changed"]
    assert changed == {"node": "nap", "changes": [{"pointer": "/next", "old": "end", "new": "more"}]}
    assert {"source": "more", "target": "end", "kind": "next"} in told["difference"]["edges"]["added"]


def test_without_numbers_the_current_version_and_the_one_before_are_compared(
    api: Client, versions: list[WorkflowVersion]
) -> None:
    told = api.get(f"{PATH}/diff").json()
    assert (told["from"], told["to"]) == (2, 3)


@pytest.mark.parametrize(("query", "status"), [("from=0", 400), ("from=x", 400), ("from=9", 404)])
def test_a_version_that_is_not_there_is_told(
    api: Client, versions: list[WorkflowVersion], query: str, status: int
) -> None:
    assert api.get(f"{PATH}/diff?{query}").status_code == status
    assert api.get("/workflow/definitions/nobody/diff").status_code == 404


def test_a_dry_run_tells_and_moves_nothing(api: Client, versions: list[WorkflowVersion]) -> None:
    made = resting(versions[0])
    told = migrate(api, to=2, dryRun=True)
    assert (told["compatible"], told["migrated"], told["blocked"]) == (1, 0, [])
    assert number(made) == 1


def test_what_rests_is_moved_under_a_new_token(api: Client, versions: list[WorkflowVersion]) -> None:
    made = [resting(versions[0], status) for status in ("waiting", "paused")]
    made.append(stored.execution("queued", version=versions[0]))
    told = migrate(api, to=2)
    assert (told["compatible"], told["migrated"], told["blockedCount"]) == (3, 3, 0)
    assert [number(one) for one in made] == [2, 2, 2]
    assert set(Execution.objects.values_list("lease_token", flat=True)) == {1}


def test_what_does_not_fit_stays_and_is_told_why(api: Client, versions: list[WorkflowVersion]) -> None:
    fits, does_not = stored.execution("queued", version=versions[0]), resting(versions[0])
    told = migrate(api, to=3)
    assert (told["migrated"], told["blockedCount"]) == (1, 1)
    [blocked] = told["blocked"]
    assert blocked["executionId"] == does_not.id and "'nap'" in blocked["reasons"][0]
    assert (number(fits), number(does_not)) == (3, 1)


def test_what_somebody_drives_is_left_alone(api: Client, versions: list[WorkflowVersion]) -> None:
    leased = resting(versions[0], leased_by="an executor")
    running = resting(versions[0], "running")
    cancelling = resting(versions[0], "cancelling")
    told = migrate(api, to=2)
    reasons = {one["executionId"]: one["reasons"] for one in told["blocked"]}
    assert told["migrated"] == 0
    assert "try again" in reasons[leased.id][0] and "try again" in reasons[running.id][0]
    assert reasons[cancelling.id] == ["it is cancelling"]


def test_an_input_that_the_new_version_refuses_blocks(api: Client, versions: list[WorkflowVersion]) -> None:
    schema = {"type": "object", "required": ["x"]}
    library.publish(document(delay("nap", 60), id="moving", inputSchema=schema))
    made = stored.execution("queued", version=versions[0], input={})
    assert "input" in migrate(api, to=4)["blocked"][0]["reasons"][0]
    Execution.objects.filter(pk=made.pk).update(input={"x": 1})
    assert migrate(api, to=4)["migrated"] == 1


def test_the_ended_and_those_of_other_versions_are_not_meant(
    api: Client, versions: list[WorkflowVersion]
) -> None:
    stored.execution("completed", version=versions[0])
    resting(versions[1])
    second = stored.execution("queued", version=versions[1])
    told = migrate(api, to=3, **{"from": 1})
    assert (told["compatible"], told["blockedCount"]) == (0, 0)
    assert migrate(api, to=3, ids=[second.id])["migrated"] == 1


def test_a_filter_narrows_it_and_the_report_comes_in_pages(
    api: Client, versions: list[WorkflowVersion]
) -> None:
    tagged = [resting(versions[0], tags=["t"]) for _ in range(2)]
    resting(versions[0])
    told = migrate(api, to=2, filter={"tag": "t"}, dryRun=True)
    assert told["compatible"] == 2 and told["nextCursor"] is None
    first = operations.migrate("moving", 2, filter={"tag": "t"}, limit=1)
    rest = operations.migrate("moving", 2, filter={"tag": "t"}, limit=1, cursor=first.cursor)
    assert (first.migrated, rest.migrated, rest.cursor) == (1, 1, None)
    assert [number(one) for one in tagged] == [2, 2]


def test_a_version_or_a_workflow_that_is_not_there_is_a_404(
    api: Client, versions: list[WorkflowVersion]
) -> None:
    for path in ("moving", "nobody"):
        response = api.post(
            f"/workflow/definitions/{path}/migrate", {"to": 9}, content_type="application/json"
        )
        assert response.status_code == 404
