"""Exporting off the hot path: ended executions, read again and handed out by a thread of its own."""

from __future__ import annotations

import atexit
import logging
import threading
from queue import Empty, Full, Queue

from django.db import connection

from executions.models import Execution
from executions.telemetry.export import export, exporting

MOST_WAITING = 10_000
"""Beyond it traces are dropped: telemetry must never hold up an execution."""
LAST_WORDS = 3.0
"""Seconds that a process that ends gives to what is still to be handed out."""

logger = logging.getLogger("c4c.telemetry")


class Exporter:
    """Started by the first execution that ends while somebody listens. A process may take traces along."""

    def __init__(self) -> None:
        self._line: Queue[str | None] = Queue(MOST_WAITING)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def ended(self, execution_id: str) -> None:
        """Never blocks, never raises; nothing at all where nobody listens."""
        if not exporting():
            return
        self._start()
        try:
            self._line.put_nowait(execution_id)
        except Full:
            logger.warning("too many traces wait to be exported; %s is left out", execution_id)

    def close(self, timeout: float = LAST_WORDS) -> None:
        """Hand out what waits, within ``timeout`` seconds."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._line.put(None)
            thread.join(timeout)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="c4c-exporter", daemon=True)
                self._thread.start()
                atexit.register(self.close)

    def _run(self) -> None:
        try:
            while (execution_id := self._next()) is not None:
                self._export(execution_id)
        finally:
            connection.close()

    def _export(self, execution_id: str) -> None:
        try:
            execution = Execution.objects.select_related("version").get(pk=execution_id)
            export(execution, execution.node_runs.all())
        except Exception as error:  # also what a processor of the host's raises: the next ones go out
            logger.warning("the trace of %s is not exported: %s", execution_id, error)

    def _next(self) -> str | None:
        """A connection is held only while there is something to read."""
        try:
            return self._line.get_nowait()
        except Empty:
            connection.close()
            return self._line.get()


_exporter = Exporter()
ended = _exporter.ended
close = _exporter.close
