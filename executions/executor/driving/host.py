"""What a driver needs of the executor that it belongs to; a simulated executor offers the same."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any, Protocol

from executions.executor.attempts.isolation import Processes
from executions.executor.clock import Clock
from executions.executor.desk import Desk
from executions.executor.threads import Threads
from executions.journal import Journal


class Host(Protocol):
    """What a driver needs of its executor."""

    clock: Clock
    desk: Desk
    journal: Journal
    random: Random
    loop: asyncio.AbstractEventLoop
    threads: Threads
    processes: Processes
    aside: ThreadPoolExecutor
    """For reading the database off the loop."""
    stopping: bool

    def let_go(self, driver: Any) -> None:
        """The driver holds the execution no longer."""

    def reload(self, driver: Any) -> None:
        """Read the execution's rows and inbox again, and hand them to ``driver.recovered``."""

    def expel(self, driver: Any, reason: str) -> None:
        """Give up the lease of an execution that cannot be driven here; it is looked at again later."""

    def listen(self, driver: Any) -> None:
        """Look for events that its runs wait for and that are emitted; answer ``driver.looked_back``."""

    def ended(self, execution_id: str) -> None:
        """The last transition of an execution is committed."""

    def posted(self) -> None:
        """There are letters to be delivered."""

    def serves(self, queue: str) -> bool:
        """Whether nodes of this queue may start here."""

    def born(self, ids: list[str]) -> None:
        """A transition has stored these executions."""
