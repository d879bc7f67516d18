"""Read models: what API, streams, pages and CLI tell of executions, in the contract's shapes."""

from __future__ import annotations

from executions.moments import iso
from executions.queries.counts import stats
from executions.queries.cursors import InvalidCursor
from executions.queries.details import accepted_document, execution_document, result_document
from executions.queries.filters import Filters, InvalidFilter
from executions.queries.lists import execution_rows, rows_by_id
from executions.queries.log import events_after, node_runs_page

__all__ = [
    "Filters",
    "InvalidCursor",
    "InvalidFilter",
    "accepted_document",
    "events_after",
    "execution_document",
    "execution_rows",
    "iso",
    "node_runs_page",
    "result_document",
    "rows_by_id",
    "stats",
]
