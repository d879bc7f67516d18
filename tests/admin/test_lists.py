"""The change lists on large tables: few queries, none that counts, pages that reach every row once."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from executions.models import Event, Execution, NodeRun
from tests.admin.conftest import NOW, a_node_run, an_event, an_execution, many_executions
from workflows.models import WorkflowVersion

EXECUTIONS = "/admin/c4c_executions/execution/"
LISTS = [
    EXECUTIONS,
    "/admin/c4c_executions/noderun/",
    "/admin/c4c_executions/event/",
    "/admin/c4c_executions/command/",
    "/admin/c4c_executions/executor/",
    *(
        f"/admin/c4c_executions/{name}/"
        for name in ("bulkoperation", "emission", "lane", "letter", "queue", "slot")
    ),
    "/admin/c4c_workflows/workflow/",
    "/admin/c4c_workflows/workflowversion/",
]


def test_a_list_of_20000_executions_makes_few_queries_and_counts_nothing(
    admin: Client, version: WorkflowVersion
) -> None:
    many_executions(version, 20_000)
    admin.get(EXECUTIONS)  # what Django looks up once per process
    with CaptureQueriesContext(
        connection,
    ) as queries:
        page = admin.get(EXECUTIONS)
    assert len(_rows(page.content)) == 100
    _assert_light(queries)
    assert "secret_of_the_input" not in str(queries.captured_queries)


@pytest.mark.parametrize(
    "query",
    [
        "status__exact=failed",
        "workflow_id=demo",
        "queued_at__gte=2026-11-21+12:10:00%2B00:00",
        "status__exact=failed&workflow_id=demo",
        "q=wf_exec_0001",
        "q=order-19999",
        "after=2026-11-21T12:01:00%2B00:00~wf_exec_000605",
    ],
)
def test_filters_searches_and_later_pages_are_as_light(
    admin: Client, version: WorkflowVersion, query: str
) -> None:
    many_executions(version, 2000)
    with CaptureQueriesContext(connection) as queries:
        page = admin.get(f"{EXECUTIONS}?{query}")
    assert page.status_code == 200
    _assert_light(queries)


def test_the_rows_are_found_by_an_index_and_not_by_sorting_the_table(version: WorkflowVersion) -> None:
    many_executions(version, 5000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE c4c_executions_execution")
    for narrowed in (Execution.objects.all(), Execution.objects.filter(status="failed")):
        plan = narrowed.order_by("-queued_at", "-id")[:101].explain()
        assert "Index" in plan
        assert "Sort" not in plan


def test_paging_shows_every_execution_once_newest_first(admin: Client, version: WorkflowVersion) -> None:
    many_executions(version, 350)
    seen: list[str] = []
    address: str | None = EXECUTIONS
    while address:
        page = admin.get(address)
        seen += _rows(page.content)
        address = _link(page.content, "Next page")
    assert seen == list(Execution.objects.newest_first().values_list("id", flat=True))


def test_filters_stay_while_paging_and_a_new_filter_starts_at_the_first_page(
    admin: Client, version: WorkflowVersion
) -> None:
    many_executions(version, 600)
    second = _link(admin.get(f"{EXECUTIONS}?status__exact=completed").content, "Next page")
    page = admin.get(str(second))
    assert len(_rows(page.content)) == 100
    assert set(Execution.objects.filter(id__in=_rows(page.content)).values_list("status", flat=True)) == {
        "completed"
    }
    assert _link(page.content, "First page") == f"{EXECUTIONS}?status__exact=completed"
    assert "after=" not in str(_link(page.content, "Failed"))


@pytest.mark.parametrize("cursor", ["garbage", "~", "2026-11-21", "not-a-date~x", "1~2~3"])
def test_a_cursor_that_cannot_be_read_leads_to_the_first_page(
    admin: Client, version: WorkflowVersion, cursor: str
) -> None:
    an_execution(version, "only").save()
    page = admin.get(f"{EXECUTIONS}?after={cursor}", follow=True)
    assert _rows(page.content) == ["only"]


@pytest.mark.parametrize(
    ("term", "found"),
    [
        ("wf_exec_a", ["wf_exec_a"]),
        ("order-7", ["wf_exec_a"]),
        ("exec_a", []),
        ("wf_", ["wf_exec_b", "wf_exec_a"]),
    ],
)
def test_search_finds_by_the_beginning_of_an_id_or_a_key(
    admin: Client, version: WorkflowVersion, term: str, found: list[str]
) -> None:
    an_execution(version, "wf_exec_a", key="order-77").save()
    an_execution(version, "wf_exec_b").save()
    assert _rows(admin.get(EXECUTIONS, {"q": term}).content) == found


def test_each_list_opens_with_rows_and_lets_nobody_add(admin: Client, version: WorkflowVersion) -> None:
    execution = an_execution(version, "one")
    execution.save()
    a_node_run(execution)
    an_event(execution)
    for address in LISTS:
        page = admin.get(address)
        assert page.status_code == 200, address
        assert admin.get(f"{address}add/").status_code == 403


def test_a_long_history_is_listed_without_reading_what_is_heavy(
    admin: Client, version: WorkflowVersion
) -> None:
    execution = an_execution(version, "one")
    execution.save()
    NodeRun.objects.bulk_create(
        NodeRun(
            execution=execution,
            index=n,
            node_id="add",
            kind="procedure",
            status="completed",
            started_at=NOW,
            output={"n": n},
        )
        for n in range(3000)
    )
    Event.objects.bulk_create(
        Event(execution=execution, seq=n, type="node.started", data={"n": n}, at=NOW) for n in range(3000)
    )
    for model, heavy in (("noderun", '"output"'), ("event", '"data"')):
        with CaptureQueriesContext(connection) as queries:
            page = admin.get(f"/admin/c4c_executions/{model}/?execution__id__exact=one")
        assert len(_rows(page.content)) == 100
        _assert_light(queries)
        assert heavy not in str(queries.captured_queries)


def _assert_light(queries: CaptureQueriesContext) -> None:
    told = [query["sql"] for query in queries.captured_queries]
    assert len(told) <= 6, told  # session, user, savepoints aside: the rows, the workflows of the filter
    assert not [sql for sql in told if "COUNT(" in sql.upper()], told
    assert not [sql for sql in told if "OFFSET" in sql.upper()], told


def _rows(html: bytes) -> list[str]:
    return re.findall(r'name="_selected_action" value="([^"]*)"', html.decode()) or re.findall(
        r'<th class="field-[^"]*"><a href="[^"]*">([^<]*)</a>', html.decode()
    )


def _link(html: bytes, text: str) -> str | None:
    found = re.search(rf'<a href="([^"]*)"[^>]*>{text}</a>', html.decode())
    if found is None:
        return None
    address = unescape(found[1])
    return address if address.startswith("/") else EXECUTIONS + address
