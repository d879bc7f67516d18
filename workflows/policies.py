"""How long a node may take and how often it may be tried. Pure: no clock, no random source of their own."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from workflows.expressions import Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """When a failed attempt is followed by another. All times in seconds; attempts count from 1.

    ``jitter`` is the share of a delay that is random. ``retry_on`` empty means: any error.
    """

    max_attempts: int = 3
    initial_interval: float = 1.0
    backoff: float = 2.0
    max_interval: float = 60.0
    jitter: float = 0.1
    max_elapsed: float | None = None
    retry_on: tuple[str, ...] = ()
    non_retryable: tuple[str, ...] = ()

    def delay(self, attempt: int, rand: float) -> float:
        """Seconds between the end of ``attempt`` and the next one; ``rand`` is in [0, 1)."""
        try:
            grown = self.initial_interval * self.backoff ** (attempt - 1)
        except OverflowError:
            grown = self.max_interval
        longest = min(grown, self.max_interval)
        return longest * (1 - self.jitter * rand)

    def permits(self, error_name: str, attempt: int, elapsed: float, bases: Collection[str] = ()) -> bool:
        """Whether an attempt may follow this one, which failed ``elapsed`` seconds after the first began.

        ``bases``: the names of the error's base classes, which the policy may name as well.
        """
        names = {error_name, *bases}
        if attempt >= self.max_attempts or not names.isdisjoint(self.non_retryable):
            return False
        if self.max_elapsed is not None and elapsed >= self.max_elapsed:
            return False
        return not self.retry_on or not names.isdisjoint(self.retry_on)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeout:
    """Seconds; None is no limit."""

    start_to_close: float | None = None
    schedule_to_start: float | None = None
    heartbeat: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """When a scope is decided. ``policy``: all, any, n_of or all_done.

    ``count`` or ``percent`` of the branches may fail under ``all``.
    """

    policy: str = "all"
    n: int | None = None
    count: int | None = None
    percent: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Concurrency:
    """At most so many executions at once: of the workflow, or of those for which ``key`` gives the same."""

    limit: int
    key: Expression | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """At most so many executions begin in any ``seconds``: of the workflow, or of the same ``key``."""

    limit: int
    seconds: float
    key: Expression | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one execution may cost, and what it is let in by: all of ``concurrency`` and ``rate``.

    ``fairness`` gives the key between whose values the turns go round.
    """

    node_runs: int = 10_000
    concurrency: tuple[Concurrency, ...] = ()
    rate: tuple[Rate, ...] = ()
    fairness: Expression | None = None
    queue: str = "default"
