"""Starting: what is stored, when it begins, who comes first, and what a key or an id that is taken means."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import transaction

from executions import intake, operations
from executions.errors import ExecutionExists, InvalidInput, KeyConflict
from executions.models import Execution
from tests.executions.build import delay, document, scripted, step
from tests.executions.engine import ended, executing, start
from workflows import library
from workflows.errors import InvalidDefinition, WorkflowNotFound

pytestmark = pytest.mark.usefixtures("database")

_numbers = count()


@pytest.fixture
def workflow() -> Iterator[str]:
    """The id of a workflow of its own, published."""
    name = f"published-{next(_numbers)}"
    library.publish(document(step("a", output="first"), id=name))
    yield name
    intake.forget(name)


def publish_again(workflow: str, output: Any) -> None:
    library.publish(document(step("a", output=output), id=workflow))


# Stored, or not


def test_what_is_started_in_a_transaction_that_rolls_back_has_never_been(workflow: str) -> None:
    with executing():
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            lost = operations.start(workflow).id
            raise ZeroDivisionError
        kept = operations.start(workflow).id
        assert ended(kept).status == "completed"
    assert not Execution.objects.filter(pk=lost).exists()


def test_what_is_started_in_a_transaction_begins_when_that_is_committed(workflow: str) -> None:
    with executing():
        with transaction.atomic():
            execution = operations.start(workflow).id
            after = operations.start(workflow).id
            assert Execution.objects.get(pk=execution).status == "queued"
        assert ended(execution).status == ended(after).status == "completed"


def test_the_row_tells_all_that_was_asked_for(workflow: str) -> None:
    made = operations.start(
        workflow,
        input={"x": 1},
        execution_id=f"mine_{workflow}",
        key="order-1",
        tags=["a", "b"],
        priority=3,
        timeout=60,
        trigger="api",
        traceparent=f"00-{'a' * 32}-{'b' * 16}-01",
    )
    assert (made.id, made.workflow_id, made.status) == (f"mine_{workflow}", workflow, "queued")
    assert (made.input, made.key, made.tags, made.priority) == ({"x": 1}, "order-1", ["a", "b"], 3)
    assert made.deadline_at is not None
    assert (made.deadline_at - made.queued_at).total_seconds() == pytest.approx(60, abs=1)
    assert (made.trigger, made.trace_id, made.parent_span_id) == ("api", "a" * 32, "b" * 16)


@pytest.mark.parametrize(
    ("options", "pointers"),
    [
        ({"input": [1]}, ["/input"]),
        ({"input": {"x": "a\0b", "y": [float("nan")]}}, ["/input/x", "/input/y/0"]),
        ({"input": {"x": "x" * (2 << 20)}}, ["/input"]),
        ({"priority": 10, "timeout": 0, "tags": [""]}, ["/priority", "/timeoutMs", "/tags/0"]),
        (
            {"execution_id": "no spaces", "key": "", "on_conflict": "maybe"},
            ["/executionId", "/key", "/onConflict"],
        ),
        ({"definition": {}}, ["/workflow"]),
    ],
)
def test_a_bad_request_is_told_all_that_is_wrong_with_it(
    workflow: str, options: dict[str, Any], pointers: list[str]
) -> None:
    with pytest.raises(InvalidInput) as refused:
        operations.start(workflow, **options)
    assert sorted(problem["pointer"] for problem in refused.value.problems) == sorted(pointers)


def test_an_unknown_workflow_is_told_with_the_nearest_names(workflow: str) -> None:
    with pytest.raises(WorkflowNotFound) as refused:
        operations.start(workflow.replace("published", "publisht"))
    assert workflow in refused.value.nearest


def test_an_inline_definition_that_is_wrong_is_refused() -> None:
    with pytest.raises(InvalidDefinition):
        operations.start(definition=document(step("a", "nowhere")))


# Ids and keys


def test_an_id_that_is_taken_is_refused(workflow: str) -> None:
    operations.start(workflow, execution_id=f"taken_{workflow}")
    with pytest.raises(ExecutionExists):
        operations.start(workflow, execution_id=f"taken_{workflow}")


def test_a_key_is_one_active_executions_and_free_when_that_has_ended(workflow: str) -> None:
    first = operations.start(workflow, key="order").id
    with pytest.raises(KeyConflict) as refused:
        operations.start(workflow, key="order")
    assert refused.value.execution_id == first
    assert operations.start(workflow, key="order", on_conflict="useExisting").id == first
    with executing():
        ended(first)
        second = operations.start(workflow, key="order", on_conflict="useExisting").id
        assert second != first
        ended(second)


def test_the_same_key_of_another_workflow_is_another_key(workflow: str) -> None:
    library.publish(document(step("a"), id=f"{workflow}-other"))
    assert operations.start(workflow, key="k").id != operations.start(f"{workflow}-other", key="k").id


def test_a_refused_start_leaves_the_callers_transaction_whole(workflow: str) -> None:
    operations.start(workflow, key="order")
    with transaction.atomic():
        with pytest.raises(KeyConflict):
            operations.start(workflow, key="order")
        after = operations.start(workflow, key="other")
    assert Execution.objects.filter(pk=after.id).exists()


# Versions


def test_an_execution_runs_the_newest_version_though_another_was_known_here(workflow: str) -> None:
    """As if another process had published it: this one's memory is what it was."""
    operations.start(workflow)
    known = intake._newest[workflow]
    publish_again(workflow, "second")
    intake._newest[workflow] = known
    assert operations.start(workflow).version.number == 2


def test_so_does_one_that_begins_as_it_is_stored(workflow: str) -> None:
    with executing():
        ended(_astart(workflow))
        known = intake._newest[workflow]
        publish_again(workflow, "second")
        intake._newest[workflow] = known
        found = ended(_astart(workflow))
    assert (found.row.version.number, found.outputs["a"]) == (2, "second")


def test_what_was_started_before_stays_with_its_version(workflow: str) -> None:
    before = operations.start(workflow).id
    publish_again(workflow, "second")
    with executing():
        assert ended(before).outputs == {"a": "first"}


def test_an_older_version_can_be_asked_for(workflow: str) -> None:
    publish_again(workflow, "second")
    assert operations.start(workflow, version=1).version.number == 1


# Who comes first


def test_higher_priorities_come_first_and_equals_in_their_order() -> None:
    nodes = [scripted("ok", "a")]
    asked = [(number, start(*nodes, priority=priority)) for number, priority in enumerate([0, 5, 0, 9, 5])]
    with executing(concurrency=1):
        began = sorted((ended(execution).row.started_at, number) for number, execution in asked)
    assert [number for _, number in began] == [3, 1, 4, 0, 2]


def test_those_that_sleep_keep_nobody_waiting() -> None:
    with executing(concurrency=5):
        sleeping = [start(delay("d", 1000), priority=9) for _ in range(50)]
        assert ended(start(step("a"))).status == "completed"
        with transaction.atomic():
            for execution in sleeping:
                operations.cancel(execution)
        assert {ended(execution).status for execution in sleeping} == {"cancelled"}


def test_an_execution_begun_as_it_is_stored_tells_the_same_log_as_any_other(workflow: str) -> None:
    with executing():
        direct, plain = ended(_astart(workflow)), ended(operations.start(workflow).id)
    assert direct.types == plain.types
    assert direct.row.last_seq == len(direct.events)


def test_ids_and_keys_are_guarded_there_too(workflow: str) -> None:
    with executing():
        ended(_astart(workflow, execution_id=f"direct_{workflow}"))
        with pytest.raises(ExecutionExists):
            _astart(workflow, execution_id=f"direct_{workflow}")


def _astart(workflow: str, **options: Any) -> str:
    """As a view in a server's event loop does."""
    return str(async_to_sync(operations.astart)(workflow, **options).id)


def test_a_version_that_is_not_the_newest_any_more_does_not_judge_the_input(database: None) -> None:
    def published(kind: str) -> None:
        schema = {"type": "object", "properties": {"n": {"type": kind}}}
        library.publish(document(step("a"), id="judged", inputSchema=schema))

    published("integer")
    operations.start("judged", input={"n": 1})
    published("string")
    assert operations.start("judged", input={"n": "one"}).version.number == 2
