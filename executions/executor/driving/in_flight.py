"""The attempts of one execution that are in flight."""

from __future__ import annotations

from collections.abc import Callable

from executions.executor.attempts.attempt import Attempt
from executions.executor.driving.calling import Call
from executions.flow.state import Run

Calling = Attempt | Call


class Attempts:
    """By the index of their run. ``made`` makes what calls user code, or another execution, for a run."""

    def __init__(self, made: Callable[[Run], Calling]) -> None:
        self._made = made
        self._in_flight: dict[int, Calling] = {}

    def __bool__(self) -> bool:
        return bool(self._in_flight)

    def __contains__(self, index: int) -> bool:
        return index in self._in_flight

    def of(self, index: int) -> Calling | None:
        return self._in_flight.get(index)

    def start(self, run: Run) -> None:
        attempt = self._in_flight[run.index] = self._made(run)
        attempt.start()

    def stop(self, run: Run) -> None:
        attempt = self._in_flight.get(run.index)
        if attempt is not None:
            attempt.stop()

    def ended(self, index: int) -> None:
        self._in_flight.pop(index, None)

    def flush(self) -> None:
        """Have what they have told go into the log."""
        for attempt in list(self._in_flight.values()):
            if isinstance(attempt, Attempt):
                attempt.flush()

    def drop(self) -> None:
        """Nobody waits for them any more."""
        for attempt in self._in_flight.values():
            attempt.abandon()
        self._in_flight.clear()
