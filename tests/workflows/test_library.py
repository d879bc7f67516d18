from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction

from tests.workflows.documents import call, document, step
from workflows import discovery, library
from workflows.builder import Workflow as Builder
from workflows.builder import workflow as build
from workflows.definition import InvalidDefinition
from workflows.errors import WorkflowNotFound
from workflows.models import Workflow, WorkflowVersion

pytestmark = pytest.mark.django_db


def numbered(label: str = "1.0.0", **fields: Any) -> dict[str, Any]:
    return document(step("a", "b"), step("b"), **{"version": label, **fields})


def test_publishing_makes_the_first_version_current() -> None:
    version = library.publish(numbered())
    assert (version.number, version.label, version.definition_id) == (1, "1.0.0", "wf")
    assert library.current("wf") == version
    assert Workflow.objects.get().source == "json"


def test_unchanged_content_keeps_its_version_whatever_the_order_of_keys() -> None:
    first = library.publish(numbered())
    again = library.publish(dict(reversed(numbered().items())))
    assert again == first
    assert WorkflowVersion.objects.count() == 1


def test_each_changed_content_is_the_next_number_and_known_content_its_own() -> None:
    one = library.publish(numbered())
    two = library.publish(numbered("1.0.1"))
    assert (one.number, two.number) == (1, 2)
    assert library.publish(numbered()) == one
    assert library.current("wf") == one
    assert library.publish(numbered("1.0.2")).number == 3


def test_the_workflow_takes_the_name_of_its_current_version() -> None:
    library.publish(numbered(description="old"))
    library.publish(numbered(name="Renamed"))
    workflow = Workflow.objects.get()
    assert (workflow.name, workflow.description) == ("Renamed", "")


def test_a_broken_document_is_refused_and_leaves_nothing() -> None:
    with pytest.raises(InvalidDefinition) as caught:
        library.publish(document({**call("a", "zz"), "procedureName": "no.such"}))
    assert [problem.pointer for problem in caught.value.problems] == [
        "/nodes/0/next",
        "/nodes/0/procedureName",
    ]
    assert not Workflow.objects.exists()


def test_an_inline_definition_is_kept_by_its_content_apart_from_the_library() -> None:
    stored = library.publish(numbered())
    inline = library.inline(numbered("inline"))
    assert (inline.workflow, inline.number, inline.definition_id) == (None, 0, "wf")
    assert library.inline(numbered("inline")) == inline
    assert library.current("wf") == stored
    assert library.inline(numbered()) != stored


@pytest.mark.parametrize("written", [None, {}, {"id": object()}, {"id": float("nan")}, [], {1: 2, "a": 1}])
def test_an_inline_definition_that_is_none_is_refused(written: Any) -> None:
    with pytest.raises(InvalidDefinition):
        library.inline(written)


def test_an_unknown_workflow_is_told_with_the_nearest() -> None:
    library.publish(numbered(id="simple-math"))
    with pytest.raises(WorkflowNotFound, match="did you mean simple-math") as caught:
        library.current("simple-mat")
    assert caught.value.nearest == ["simple-math"]
    with pytest.raises(WorkflowNotFound, match="version 7"):
        library.version("simple-math", 7)
    assert library.version("simple-math", 1).number == 1


def test_a_definition_is_parsed_once_per_content() -> None:
    version = library.publish(numbered())
    assert library.definition(version) is library.definition(WorkflowVersion.objects.get())
    assert list(library.definition(version).nodes) == ["a", "b"]


def test_publishing_joins_the_callers_transaction() -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        library.publish(numbered())
        raise ZeroDivisionError
    assert not Workflow.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_publishers_that_race_agree_on_one_version() -> None:
    versions = together([lambda: library.publish(numbered()).number] * 6)
    assert versions == [1] * 6
    assert WorkflowVersion.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_publishers_of_different_contents_get_different_numbers() -> None:
    versions = together([partial(library.publish, numbered(f"1.0.{n}")) for n in range(6)])
    assert sorted(version.number for version in versions) == [1, 2, 3, 4, 5, 6]


@pytest.mark.django_db(transaction=True)
def test_inline_definitions_that_race_are_one_row() -> None:
    ids = together([lambda: library.inline(numbered()).pk] * 6)
    assert len(set(ids)) == 1


@pytest.mark.django_db(transaction=True)
def test_processes_that_start_together_sync_the_same_library() -> None:
    reports = together([library.sync] * 4)
    assert all(not report.broken for report in reports)
    assert WorkflowVersion.objects.count() == Workflow.objects.count() == len(discovery.documents())


def test_sync_brings_in_what_the_code_defines_and_again_changes_nothing() -> None:
    first, second = library.sync(), library.sync()
    assert first.published == sorted(discovery.documents())
    assert second.unchanged == first.published
    assert not second.published
    assert set(Workflow.objects.values_list("source", flat=True)) == {"code"}


def test_sync_publishes_what_changed_and_tells_what_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    code(monkeypatch, one=numbered())
    library.sync()
    code(monkeypatch, one=numbered("2.0.0"), two=numbered(id="two", startNode="zz"))
    report = library.sync()
    assert report.published == ["wf"]
    assert [problem.pointer for problem in report.broken["two"]] == ["/startNode"]
    assert library.current("wf").label == "2.0.0"


def test_a_document_published_over_code_stays_until_the_code_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    code(monkeypatch, one=numbered())
    library.sync()
    library.publish(numbered("edited"))
    assert library.sync().kept == ["wf"]
    assert library.current("wf").label == "edited"
    code(monkeypatch, one=numbered("2.0.0"))
    assert library.sync().published == ["wf"]
    assert library.current("wf").label == "2.0.0"
    assert Workflow.objects.get().source == "code"


def code(monkeypatch: pytest.MonkeyPatch, **written: dict[str, Any]) -> None:
    """Only these workflows are defined in Python."""
    monkeypatch.setattr(
        discovery, "found", lambda: [discovery.Found(fixed(one), "here:1") for one in written.values()]
    )


def fixed(written: dict[str, Any]) -> Builder:
    builder = build(written["id"])
    builder.definition = lambda: written  # type: ignore[method-assign]
    return builder


def together(calls: list[Callable[[], Any]]) -> list[Any]:
    """Each in a thread and a connection of its own, let go at the same moment."""
    barrier = threading.Barrier(len(calls))

    def run(one: Callable[[], Any]) -> Any:
        try:
            connection.ensure_connection()
            barrier.wait(timeout=30)
            return one()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result(timeout=60) for future in [pool.submit(run, one) for one in calls]]
