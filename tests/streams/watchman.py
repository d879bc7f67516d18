"""Counting the database's connections while something else happens."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from django.db import connection, connections

HANDFUL = 4
"""What a process that streams takes: three readers and one for notifications."""
OWN = 4
"""What a test takes: its thread, the watchman, a writing thread, notifications."""
COUNT = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'
"""
"""Without PostgreSQL's own workers, such as a vacuum that happens to run."""


class Watchman:
    """Counts the database's connections, again and again, while something else happens."""

    def __init__(self) -> None:
        self.most = 0
        self._stop = threading.Event()

    @contextmanager
    def watching(self) -> Iterator[None]:
        with ThreadPoolExecutor(1) as pool:
            watch = pool.submit(self._watch)
            try:
                yield
            finally:
                self._stop.set()
                watch.result(10)

    def _watch(self) -> None:
        with connection.cursor() as cursor:
            while not self._stop.wait(0.01):
                cursor.execute(COUNT)
                self.most = max(self.most, cursor.fetchone()[0])
        connections.close_all()


def in_thread(*jobs: Callable[[], object]) -> None:
    for job in jobs:
        job()
    connections.close_all()
