"""The sign of life: a thread and a connection of its own, so that busy user code cannot still it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg

from executions import database, notifications
from executions.conf import conf
from executions.executor.claiming.claims import BEAT, LEAVE, REGISTER
from executions.executor.clock import Clock
from executions.executor.pulse import Pulse

log = logging.getLogger("c4c.executor")


class Heartbeat:
    """Keeps the executor's row alive; calls ``lost``, from its thread, when that is gone: it was reaped.

    While its loop does not move it is still: see ``Pulse``. With the next beat it hears what was taken from
    it meanwhile; what it writes before that, the token refuses.
    """

    def __init__(self, row: dict[str, Any], clock: Clock, pulse: Pulse, lost: Callable[[], None]) -> None:
        self._row = row
        self._pulse = pulse
        self._clock = clock
        self._lost = lost
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="c4c-heartbeat", daemon=True)
        self._connection: psycopg.Connection | None = None
        self._last = 0.0
        self._patient_until = 0.0

    @property
    def may_judge(self) -> bool:
        """Whether to call others dead: not while we have missed beats ourselves, nor just after.

        When the database comes back after an outage, everybody's lease is over; each is given the time to say
        that it lives, or all work in flight would be taken from the living.
        """
        now = time.monotonic()
        return now - self._last < conf.LEASE_SECONDS and now >= self._patient_until

    def start(self) -> None:
        """Register; raises where the database cannot be reached."""
        self._connection = database.connect("c4c-heartbeat")
        try:
            self._connection.execute(REGISTER, {**self._row, "lease": conf.LEASE_SECONDS})
            self._once()
        except BaseException:
            self._drop()
            raise
        self._thread.start()

    def stop(self) -> None:
        """Leave: whatever is still leased is free at once."""
        self._stop.set()
        self._thread.join(timeout=conf.LEASE_SECONDS)
        try:
            with database.connect("c4c-heartbeat") as connection:
                freed = connection.execute(LEAVE, {"id": self._row["id"]}).fetchall()
        except database.UNAVAILABLE as error:
            log.warning("executor %s could not leave; its lease will expire: %s", self._row["id"], error)
        else:
            notifications.wake([row[0] for row in freed])

    def _beat(self) -> None:
        while not self._stop.wait(conf.HEARTBEAT_SECONDS):
            try:
                if not self._pulse.is_felt():
                    continue
                if self._connection is None:
                    self._connection = database.connect("c4c-heartbeat")
                if not self._once():
                    self._lost()
                    break
            except Exception as error:  # whatever it is: without this thread the executor counts as dead
                log.warning("executor %s missed a heartbeat: %s", self._row["id"], error)
                self._drop()
        self._drop()

    def _once(self) -> bool:
        assert self._connection is not None
        sent = time.monotonic()
        row = self._connection.execute(BEAT, {"id": self._row["id"], "lease": conf.LEASE_SECONDS}).fetchone()
        if row is None:
            return False
        received = time.monotonic()
        self._clock.set(row[0], sent, received)
        if self._last and received - self._last > conf.LEASE_SECONDS:
            self._patient_until = received + conf.LEASE_SECONDS
        self._last = received
        return True

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
