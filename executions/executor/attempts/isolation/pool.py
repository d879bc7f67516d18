"""The child processes of an executor: started when they are needed, kept warm, replaced where one died."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import count
from typing import Any

from executions.executor.attempts.endings import failed
from executions.executor.attempts.isolation.child import Child, Died, outcome_of
from executions.flow.outcomes import Lost, Outcome

log = logging.getLogger("c4c.executor")

_numbers = count(1)


class Phase(Enum):
    WAITING = auto()
    """For a process, or for a fresh one to be ready."""
    RUNNING = auto()
    OVER = auto()


@dataclass(slots=True, eq=False)
class Work:
    """A call, and who is told of it: from the thread that watches its process."""

    call: dict[str, Any]
    """``{procedure, arguments, context, span}``."""
    began: Callable[[], None]
    told: Callable[[str, Any], None]
    ended: Callable[[Outcome | Lost], None]
    memory_limit: int | None = None
    number: int = field(default_factory=lambda: next(_numbers))
    phase: Phase = Phase.WAITING
    child: Child | None = None
    told_to_stop: bool = False
    unwanted: bool = False
    """Nobody waits for it any more."""


class Processes:
    """Up to ``limit`` calls at once, each in a process of its own; more wait their turn.

    A thread for each process: it makes it, talks to it, and is gone only after it.
    """

    def __init__(self, limit: int, *, calls: int, idle: float) -> None:
        self._limit, self._calls, self._idle_seconds = max(1, limit), calls, idle
        self._changed = threading.Condition()
        self._waiting: deque[Work] = deque()
        self._busy: set[Work] = set()
        self._starting: set[Child] = set()
        self._threads = 0
        self._closed = False

    def submit(self, work: Work) -> None:
        with self._changed:
            self._waiting.append(work)
            self._changed.notify()
            free = self._threads - len(self._busy)
            if free < len(self._waiting) and self._threads < self._limit:
                self._threads += 1
                threading.Thread(target=self._run, name="c4c-process", daemon=True).start()

    def withdraw(self, work: Work) -> bool:
        """Take it back, if user code has not begun."""
        with self._changed:
            if work.phase is not Phase.WAITING:
                return False
            work.phase = Phase.OVER
            if work in self._waiting:
                self._waiting.remove(work)
            return True

    def ask_to_stop(self, work: Work) -> None:
        with self._changed:
            work.told_to_stop = True
            child = work.child if work.phase is Phase.RUNNING else None
        if child is not None:
            child.ask_to_stop(work.number)

    def kill(self, work: Work) -> None:
        """Whatever it does: nobody waits for it any more."""
        if self.withdraw(work):
            return
        with self._changed:
            work.unwanted = True
            if work.child is not None:
                work.child.kill()

    def close(self) -> None:
        """Idle processes end, busy ones are killed."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            busy, starting = list(self._busy), list(self._starting)
        for child in starting:
            child.kill()
        for work in busy:
            self.kill(work)

    # In a thread of its own for each process

    def _run(self) -> None:
        child: Child | None = None
        try:
            while self._is_wanted():
                if child is None:
                    child = self._started()
                elif (work := self._taken()) is not None:
                    child = self._serve(work, child)
        finally:
            if child is not None:
                child.close()

    def _is_wanted(self) -> bool:
        """Whether something waits; False when nothing has for a while."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed, self._idle_seconds)
            if self._waiting and not self._closed:
                return True
            self._threads -= 1
            return False

    def _started(self) -> Child | None:
        """A process that is ready: until then, what waits may go to another one. Where there can be none,
        what waits longest is told so.
        """
        child: Child | None = None
        outcome: Outcome | Lost | None = None
        try:
            child = Child()
            with self._changed:
                self._starting.add(child)
            child.until_ready()
        except Died as death:
            outcome = death.outcome
        except Exception as error:
            log.exception("a process for procedures cannot be started")
            outcome = failed(error)
        with self._changed:
            self._starting -= {child}
        if outcome is None:
            return child
        if (work := self._taken()) is not None:
            self._end(work, outcome)
        if child is not None:
            child.bury()
        return None

    def _taken(self) -> Work | None:
        """What has waited longest; None: another process was quicker."""
        with self._changed:
            if not self._waiting:
                return None
            work = self._waiting.popleft()
            self._busy.add(work)
            return work

    def _serve(self, work: Work, child: Child) -> Child | None:
        """See a call to its end; the process, if it will do for another one."""
        try:
            if not child.is_good_for(work.memory_limit):
                child.bury()
                child = Child()
                child.until_ready()
            if not self._begin(work, child):
                return child
            self._end(work, self._outcome(work, child))
            return child if self._keeps(work, child) else None
        except Died as death:
            self._end(work, death.outcome)
        except Exception as error:
            if not isinstance(error, TypeError):  # that is an input which is no JSON
                log.exception("a procedure's process cannot be used")
            self._end(work, failed(error))
        child.bury()
        return None

    def _begin(self, work: Work, child: Child) -> bool:
        """False: it was withdrawn while the process was made ready."""
        with self._changed:
            if work.phase is not Phase.WAITING:
                self._busy.discard(work)
                return False
            work.phase, work.child = Phase.RUNNING, child
        child.call({"kind": "call", "number": work.number, **work.call})
        with self._changed:
            told = work.told_to_stop
        if told:
            child.ask_to_stop(work.number)
        return True

    def _outcome(self, work: Work, child: Child) -> Outcome:
        """Raises ``Died``."""
        while True:
            head, body = child.hear(work.memory_limit)
            if head.get("number") != work.number:
                continue
            match head["kind"]:
                case "began":
                    work.began()
                case "told":
                    for kind, value in head["news"].items():
                        for each in value if kind in ("log", "stream") else [value]:
                            work.told(kind, each)
                case "ended":
                    return outcome_of(head, body)

    def _end(self, work: Work, outcome: Outcome | Lost) -> None:
        """From now on nobody can kill the process over this call, and it counts as free."""
        with self._changed:
            work.phase, work.child = Phase.OVER, None
            self._busy.discard(work)
        work.ended(outcome)

    def _keeps(self, work: Work, child: Child) -> bool:
        """Whether the process will do for another call; else it is gone when this returns."""
        if self._closed or work.unwanted or child.calls >= self._calls:
            child.close()
            return False
        if not child.is_ready_again():
            child.bury()
            return False
        return True
