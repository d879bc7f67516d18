"""An executor in a process of its own: ``python -m tests.executions.worker '{"LEASE_SECONDS": 1}'``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def working(**settings: Any) -> Iterator[subprocess.Popen[bytes]]:
    """One at work on the test's database; killed at the end of the block, if it still lives."""
    from tests import database  # noqa: PLC0415  (the process itself has no database before its setup)

    words = [sys.executable, "-m", "tests.executions.worker", json.dumps(settings)]
    process = subprocess.Popen(words, env={**os.environ, "DATABASE_URL": database.url()})
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django  # noqa: PLC0415
    from django.conf import settings  # noqa: PLC0415

    settings.C4C = {**getattr(settings, "C4C", {}), **json.loads(sys.argv[1])}
    django.setup()
    from executions.executor import Executor  # noqa: PLC0415

    executor = Executor()
    signal.signal(signal.SIGTERM, lambda *_: executor.stop(0.2))
    executor.run()


if __name__ == "__main__":
    main()
