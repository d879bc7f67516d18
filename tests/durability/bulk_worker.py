"""Does bulk operations and dies over its NTH execution: ``python -m tests.durability.bulk_worker NTH``."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from executions.operations import bulk  # noqa: E402


def main(nth: int) -> None:
    left = [nth]
    retry = bulk.ACTIONS["retry"]

    def dying(*given: Any) -> object:
        made = retry(*given)
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return made

    bulk.ACTIONS["retry"] = dying
    while bulk.advance():
        pass


if __name__ == "__main__":
    main(int(sys.argv[1]))
