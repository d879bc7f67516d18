"""A transactional procedure may read any database, and write to the engine's alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections

from procedures import NonRetryable

Execute = Callable[[Any, Any, bool, dict[str, Any]], Any]

_READS = re.compile(r"\s*(SELECT|WITH|VALUES|TABLE|SHOW|EXPLAIN|SAVEPOINT|RELEASE|ROLLBACK)\b", re.IGNORECASE)
_WRITES = re.compile(r"\b(INSERT|UPDATE|DELETE|MERGE)\b", re.IGNORECASE)


class ForeignWrite(NonRetryable):
    """What a transactional procedure writes to another database is not part of its node's transaction."""


@contextmanager
def only_reading_elsewhere() -> Iterator[None]:
    """Refuses writes on this thread's connections to other databases."""
    with ExitStack() as stack:
        for alias in connections:
            if alias != DEFAULT_DB_ALIAS:
                stack.enter_context(connections[alias].execute_wrapper(_refusing(alias)))
        yield


def _refusing(alias: str) -> Callable[..., Any]:
    def execute(call: Execute, sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
        if not _only_reads(sql if isinstance(sql, str) else sql.as_string(None)):
            raise ForeignWrite(
                f"a transactional procedure writes to the database {alias!r}, which its node's transaction"
                f" does not reach: write to {DEFAULT_DB_ALIAS!r}, or in a procedure that is not transactional"
            )
        return call(sql, params, many, context)

    return execute


def _only_reads(sql: str) -> bool:
    found = _READS.match(sql)
    if found is None:
        return False
    return found[1].upper() not in ("WITH", "EXPLAIN") or _WRITES.search(sql) is None
