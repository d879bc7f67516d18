"""``/metrics`` for Prometheus: what the database knows, and what this process does."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection
from django.db.models import Count, Sum
from django.db.models.functions import Now
from django.http import HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from rest_framework.request import Request

from executions.api.http.view import ApiView
from executions.api.views.documentation import documented, problems
from executions.models import Event, Execution, Executor, NodeRun
from executions.queries.counts import by_status
from executions.states import ExecutionStatus
from executions.streams.connection import open_connections

MOST_DUE = 10_000


class Metrics(ApiView):
    verbs = {"GET": "metrics"}

    @documented(
        operation_id="metrics",
        summary="Metrics for Prometheus",
        tags=["server"],
        responses={(200, "text/plain"): str, **problems()},
    )
    def get(self, request: Request) -> HttpResponse:
        own = CollectorRegistry(auto_describe=False)
        own.register(Database())
        return HttpResponse(
            generate_latest(own) + generate_latest(REGISTRY), content_type=CONTENT_TYPE_LATEST
        )


class Database(Collector):
    """Read anew for each scrape, in queries whose cost does not grow with history."""

    def collect(self) -> Iterable[Metric]:
        yield _executions()
        yield _due()
        yield from _executors()
        yield from _estimates()
        yield GaugeMetricFamily("c4c_streams", "Streams open in this process.", value=len(open_connections()))


def _executions() -> Metric:
    metric = GaugeMetricFamily("c4c_executions", "Executions by status.", labels=["status"])
    counted = by_status()
    for status in ExecutionStatus:
        metric.add_metric([status], counted.get(status, 0))
    return metric


def _due() -> Metric:
    """Counted up to a limit: beyond it, more is merely too many."""
    due = Execution.objects.filter(leased_by=None, available_at__lte=Now())[:MOST_DUE].count()
    return GaugeMetricFamily("c4c_executions_due", f"Due and not claimed (at most {MOST_DUE}).", value=due)


def _executors() -> Iterable[Metric]:
    alive = Executor.objects.filter(expires_at__gt=Now()).aggregate(n=Count("pk"), room=Sum("concurrency"))
    yield GaugeMetricFamily("c4c_executors", "Executors alive.", value=alive["n"])
    yield GaugeMetricFamily(
        "c4c_executor_slots", "Executions that they can drive at once.", value=alive["room"] or 0
    )


def _estimates() -> Iterable[Metric]:
    """Rows as the server's statistics have them: counting would read the tables."""
    tables = {NodeRun._meta.db_table: "c4c_node_runs_estimate", Event._meta.db_table: "c4c_events_estimate"}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, n_live_tup FROM pg_stat_user_tables WHERE relname = ANY(%s)", [list(tables)]
        )
        counted = dict(cursor.fetchall())
    for table, name in tables.items():
        yield GaugeMetricFamily(name, f"About how many rows {table} has.", value=counted.get(table, 0))
