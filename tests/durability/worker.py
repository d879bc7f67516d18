"""An executor that dies at a chosen moment: ``python -m tests.durability.worker [POINT [NTH]]``.

Points: ``claimed`` (the claim is committed, nothing else), ``written`` (a transition is made, not committed),
``committed`` (it is committed, nobody knows). NTH counts from 1. With ``sweeping PID`` it stops the server
of that id at once as it takes from the dead; ``skewed SECONDS`` gives it a wrong clock. The product
knows nothing of this.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import django
from django.conf import settings
from psutil import pid_exists

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
QUICK = {"LEASE_SECONDS": 1.5, "HEARTBEAT_SECONDS": 0.3, "POLL_SECONDS": 0.3}
if "PATIENT" not in os.environ:
    settings.C4C = {**getattr(settings, "C4C", {}), **QUICK}
if "LOSSES" in os.environ:
    settings.C4C = {**getattr(settings, "C4C", {}), "MAX_LOST": int(os.environ["LOSSES"])}
django.setup()

from executions.executor import Executor  # noqa: E402
from executions.executor.claiming import claims  # noqa: E402
from executions.journal import writer  # noqa: E402
from tests.durability.skewed import set_clock  # noqa: E402

claim, execute = claims.claim, writer._execute


def main(words: list[str]) -> None:
    match words:
        case ["sweeping", pid]:
            stop_server_sweeping(int(pid))
        case ["skewed", seconds]:
            set_clock(float(seconds))
        case [point, *nth]:
            die_at(point, int(*nth or ["1"]))
    executor = Executor(concurrency=50)
    signal.signal(signal.SIGTERM, lambda *_: executor.stop(0.2))
    executor.run()


def stop_server_sweeping(pid: int) -> None:
    """As ``pg_ctl stop -m immediate``, while the statement is on its way."""
    sweep = claims.reap

    async def sweeping(*given: Any) -> Any:
        if pid_exists(pid):
            os.kill(pid, signal.SIGQUIT)
        return await sweep(*given)

    claims.reap = sweeping


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
    main(sys.argv[1:])
