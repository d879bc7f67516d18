"""The serving process: Daphne in the main thread, an executor in another, and an end within two seconds."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable
from time import monotonic
from types import FrameType
from typing import Any

from daphne.endpoints import build_endpoint_description_strings
from daphne.server import Server
from django.db import connections
from twisted.internet import reactor as installed_reactor
from twisted.logger import STDLibLogObserver, globalLogPublisher

from executions import notifications
from executions.cli.doors import Application, Forward
from executions.executor import Executor
from executions.streams import shutdown

log = logging.getLogger("c4c.serve")
reactor: Any = installed_reactor

ANSWERS_SECONDS = 0.8  # what answers in flight are given, streams included
ATTEMPTS_SECONDS = 0.8  # what attempts in flight are given; their executions go on elsewhere or later
LAST_SECONDS = 1.9  # then the process ends, whatever a view or a procedure may still be doing
FAILED = 1
BACKLOG = 1024
"""Connections that may wait to be accepted: with Twisted's 50, a crowd that comes at once is cut off."""


class Service:
    """One server process. ``run`` returns when it was told to end; ``exit_code`` then says how it went."""

    def __init__(
        self,
        application: Application,
        host: str,
        port: int,
        executor: Executor | None,
        forward: Forward | None,
    ) -> None:
        self.exit_code = 0
        self._executor = executor
        self._forward = forward
        self._thread = threading.Thread(target=self._execute, name="c4c-executor", daemon=True)
        self._ending = False
        # Errors of Twisted go to our log. Daphne would do that too, and take standard output along.
        observer: Any = STDLibLogObserver("daphne.server")
        globalLogPublisher.addObserver(observer)
        self._server = Server(
            application,
            endpoints=[f"{endpoint}:backlog={BACKLOG}" for endpoint in _endpoints(host, port)],
            signal_handlers=False,
            server_name="c4c",
            verbosity=0,
        )

    def run(self, ready: Callable[[], None]) -> None:
        """Serve until SIGTERM, SIGINT, or the executor's failure. ``ready`` is called once it listens."""
        connections.close_all()  # what the start needed; from here on connections belong to requests
        reactor.callWhenRunning(reactor.callLater, 0, self._on_running, ready)  # inside the running loop
        self._server.run()
        if self._thread.is_alive():
            self._thread.join(ATTEMPTS_SECONDS)
        notifications.close(0.2)

    def _on_running(self, ready: Callable[[], None]) -> None:
        if not self._server.listening_addresses:
            self.exit_code = FAILED
            self._server.stop()
            return
        shutdown.install()  # the streams' own handlers first, or the first stream would put them over ours
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, self._on_signal)
        if self._executor is not None:
            self._thread.start()
        ready()

    def _execute(self) -> None:
        assert self._executor is not None
        try:
            self._executor.run()
        except Exception:
            log.exception("the executor failed, so the server ends")
        if not self._ending:
            self.exit_code = FAILED
            self._limit()
            reactor.callFromThread(self._end)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._limit()
        reactor.callFromThread(self._end)

    def _limit(self) -> None:
        last = threading.Timer(LAST_SECONDS, os._exit, (self.exit_code,))
        last.daemon = True
        last.start()

    def _end(self) -> None:
        """Streams end first, in order: Daphne would cut them, and a browser would take that for a failure."""
        if self._ending:
            return
        self._ending = True
        if self._executor is not None:
            self._executor.stop(ATTEMPTS_SECONDS)
        for listener in self._server.listeners:
            listener.addCallback(lambda port: port and port.stopListening())
        shutdown.close_all_streams(refuse=True)
        if self._forward is not None:
            self._forward.close()
        self._leave_when_answered(monotonic() + ANSWERS_SECONDS)

    def _leave_when_answered(self, deadline: float) -> None:
        if self._answering() and monotonic() < deadline:
            reactor.callLater(0.02, self._leave_when_answered, deadline)
        else:
            self._server.stop()

    def _answering(self) -> bool:
        running = [each.get("application_instance") for each in self._server.connections.values()]
        return any(each is not None and not each.done() for each in running)


def _endpoints(host: str, port: int) -> list[str]:
    found: list[str] = build_endpoint_description_strings(host=host, port=port)
    return found
