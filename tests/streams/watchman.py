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
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND backend_start >= %s
"""
"""Neither PostgreSQL's own workers, such as a vacuum, nor what an earlier test has left."""


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
            cursor.execute("SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()")
            began = cursor.fetchone()[0]
            while not self._stop.wait(0.01):
                cursor.execute(COUNT, [began])
                self.most = max(self.most, cursor.fetchone()[0])
        connections.close_all()


def in_thread(*jobs: Callable[[], object]) -> None:
    for job in jobs:
        job()
    connections.close_all()
