"""A page of executions: a constant number of queries, whatever the executions look like."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Case, Count, F, Func, IntegerField, Q, When

from executions import telemetry
from executions.conf import conf
from executions.models import Execution, ExecutionQuerySet, NodeRun
from executions.queries import cursors
from executions.queries.documents import TOO_LARGE, Telling, altogether, document, progress, within
from executions.queries.filters import Filters, Parameters
from executions.queries.totals import load_totals, total_of
from executions.states import NODE_TERMINAL
from executions.vault.fields import SealedField

Row = dict[str, Any]


def execution_rows(
    filters: Filters | Parameters | None = None,
    cursor: str | None = None,
    limit: int | None = None,
    include_spans: bool = False,
) -> tuple[list[Row], str | None]:
    """The newest executions first, and the cursor of the next page. Raises InvalidFilter, InvalidCursor."""
    chosen = filters if isinstance(filters, Filters) else Filters.read(filters or {})
    size = limit or conf.PAGE_SIZE
    page = chosen.apply(Execution.objects.newest_first())
    if cursor:
        page = _below(page, *cursors.decode(chosen.digest, cursor))
    found = list(_light(page[: size + 1], with_definition=include_spans))
    following = _cursor(chosen, found[size - 1]) if len(found) > size else None
    return _rows(found[:size], include_spans=include_spans), following


def rows_by_id(ids: Iterable[str]) -> list[Row]:
    """Rows of the executions named, newest first; what is gone is left out."""
    named = Execution.objects.filter(pk__in=list(ids)).newest_first()
    return _rows(list(_light(named, with_definition=False)), include_spans=False)


def _rows(executions: Sequence[Execution], *, include_spans: bool) -> list[Row]:
    runs = _runs_by_execution(executions, whole=include_spans)
    load_totals(executions)
    long = [execution.id for execution in executions if len(runs[execution.id]) >= conf.ROW_NODES]
    done = _done(long) if long else {}
    rows = []
    for execution in executions:
        found = runs[execution.id]
        total = total_of(execution.version)
        row = _row(execution, found, total, include_spans=include_spans)
        if execution.id in done:
            row["progress"] = progress(execution, done[execution.id], total)
            row["nodesTruncated"] = True
        rows.append(row)
    return rows


def _row(execution: Execution, runs: list[NodeRun], total: int | None, *, include_spans: bool) -> Row:
    return document(
        execution,
        runs,
        number=execution.version.number,
        total=total,
        telling=Telling(inputs=False, outputs=False, fits=altogether(conf.ROW_OUTPUT_BYTES)),
        spans=telemetry.spans(execution, runs) if include_spans else [],
    )


def _light(executions: ExecutionQuerySet, *, with_definition: bool) -> Iterator[Execution]:
    """Executions without their large values; without definitions, which only spans need."""
    found = executions.select_related("version").defer("input", "result")
    found = found if with_definition else found.defer("version__definition")
    for execution in found.annotate(**_small("input"), **_small("result")):
        _put_back(execution, "input")
        _put_back(execution, "result")
        yield execution


def _runs_by_execution(executions: Sequence[Execution], *, whole: bool) -> dict[str, list[NodeRun]]:
    """The first runs of each; without inputs, user code's spans and large outputs unless ``whole``."""
    by_id: dict[str, list[NodeRun]] = {execution.id: [] for execution in executions}
    runs = NodeRun.objects.filter(execution_id__in=list(by_id), index__lt=conf.ROW_NODES)
    if not whole:
        runs = runs.defer("input", "output", "spans").annotate(**_small("output"))
    for run in runs.order_by("execution_id", "index"):
        if not whole:
            _put_back(run, "output")
        by_id[run.execution_id].append(run)
    return by_id


def _done(ids: list[str]) -> dict[str, int]:
    """How many nodes of executions with more runs than a row tells have ended."""
    ended = NodeRun.objects.filter(execution_id__in=ids, status__in=NODE_TERMINAL)
    counted = ended.values_list("execution_id").annotate(nodes=Count("node_id", distinct=True)).order_by()
    return dict(counted)


def _small(name: str) -> dict[str, Any]:
    """Annotations: the value where the database keeps it in few bytes (compressed), and how many it keeps."""
    size = Func(F(name), function="pg_column_size", output_field=IntegerField())
    value = Case(
        When(Q(**{f"{name}_size__lte": conf.ROW_OUTPUT_BYTES}), then=F(name)), output_field=SealedField()
    )
    return {f"{name}_size": size, f"small_{name}": value}


def _put_back(row: Execution | NodeRun, name: str) -> None:
    """Set a deferred field from its annotations, so that reading it makes no query."""
    stored = getattr(row, f"{name}_size") or 0
    value = TOO_LARGE if stored > conf.ROW_OUTPUT_BYTES else getattr(row, f"small_{name}")
    setattr(row, name, value if within(conf.ROW_OUTPUT_BYTES)(value) else TOO_LARGE)


def _below(page: ExecutionQuerySet, queued_at: str, execution_id: str) -> ExecutionQuerySet:
    moment = datetime.fromisoformat(queued_at)
    below = Q(queued_at__lt=moment) | Q(queued_at=moment, id__lt=execution_id)
    return page.filter(below, queued_at__lte=moment)


def _cursor(filters: Filters, last: Execution) -> str:
    return cursors.encode(filters.digest, [last.queued_at.isoformat(), last.id])
