"""Procedures whose node ends in their own transaction: between the attempt's thread and the driver."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future
from typing import Any

from executions.executor.attempts.attempt import Attempt
from executions.executor.desk import Desk, answer
from executions.flow.outcomes import Failed, Lost, Outcome
from executions.transitions import Transition

Rows = Future[Transition | None]


class Transactions:
    """Those that wait to be given the rows which they are to write before they commit."""

    def __init__(self, driver: Any, desk: Desk) -> None:
        self._driver, self._desk = driver, desk
        self._waiting: deque[tuple[Attempt, Outcome, Rows]] = deque()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def rows(self, attempt: Attempt, outcome: Outcome) -> Rows:
        """From the attempt's thread: the rows that it is to write in its own transaction.

        None: it must roll back. Else nothing of this execution is written by others until ``settled``.
        """
        return self._desk.ask(self._ask, attempt, outcome)

    def settled(self, attempt: Attempt, written: bool | Failed | Lost) -> None:
        """From the attempt's thread: its transaction is committed, refused by the guard, or failed."""
        self._desk.tell(self._driver.settled, attempt, written)

    def begin_next(self) -> None:
        """Answers in any case: the thread waits with its transaction open."""
        attempt, outcome, rows = self._waiting.popleft()
        transition = None
        try:
            transition = self._driver.transact(attempt, outcome)
        finally:
            answer(rows, transition)

    def refuse(self) -> None:
        """The driver is over."""
        for _, _, rows in self._waiting:
            answer(rows, None)
        self._waiting.clear()

    def _ask(self, attempt: Attempt, outcome: Outcome, rows: Rows) -> None:
        if self._driver.over:
            answer(rows, None)
        else:
            self._waiting.append((attempt, outcome, rows))
            self._driver.transaction_asked(attempt)
