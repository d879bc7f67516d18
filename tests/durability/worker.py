"""An executor that dies at a chosen moment: ``python -m tests.durability.worker [POINT [NTH]]``.

Points: ``claimed`` (the claim is committed, nothing else), ``written`` (a transition is made, not committed),
``committed`` (it is committed, nobody knows). NTH counts from 1. The product knows nothing of this.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import django
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
QUICK = {"LEASE_SECONDS": 1.5, "HEARTBEAT_SECONDS": 0.3, "POLL_SECONDS": 0.3}
if "PATIENT" not in os.environ:
    settings.C4C = {**getattr(settings, "C4C", {}), **QUICK}
django.setup()

from executions.executor import Executor, claims  # noqa: E402
from executions.journal import writer  # noqa: E402

claim, execute = claims.claim, writer._execute


def main() -> None:
    if len(sys.argv) > 1:
        die_at(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    executor = Executor(concurrency=50)
    signal.signal(signal.SIGTERM, lambda *_: executor.stop(0.2))
    executor.run()


def die_at(point: str, nth: int) -> None:
    left = [nth]

    def step() -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    async def claiming(*given: Any) -> Any:
        found = await claim(*given)
        if found and point == "claimed":
            step()
        return found

    async def executing(*given: Any) -> Any:
        if point == "written":
            step()
        moved = await execute(*given)
        if point == "committed":
            step()
        return moved

    claims.claim = claiming
    writer._execute = executing


if __name__ == "__main__":
    main()
