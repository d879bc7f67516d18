"""Read models: what API, streams, pages and CLI tell of executions, in the contract's shapes."""

from __future__ import annotations

from executions.moments import iso
from executions.queries.approvals import approvals
from executions.queries.bulk import bulk_document, bulk_page
from executions.queries.counts import stats
from executions.queries.cursors import InvalidCursor
from executions.queries.details import accepted_document, execution_document, result_document
from executions.queries.filters import Filters, InvalidFilter
from executions.queries.lists import execution_rows, rows_by_id
from executions.queries.log import events_after, node_runs_page
from executions.queries.payloads import NodeRunNotFound, input_chunks, output_chunks

__all__ = [
    "Filters",
    "InvalidCursor",
    "InvalidFilter",
    "NodeRunNotFound",
    "accepted_document",
    "approvals",
    "bulk_document",
    "bulk_page",
    "events_after",
    "execution_document",
    "execution_rows",
    "input_chunks",
    "iso",
    "node_runs_page",
    "output_chunks",
    "result_document",
    "rows_by_id",
    "stats",
]
