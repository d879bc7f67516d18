"""What a child process runs: ``python program.py <its socket> <a file for its last words> <parent's id>``.

A file of its own, run by its path: no package of ours can be imported before Django is set up, and a fresh
interpreter knows nothing of its parent. Everything else comes as the first message.
"""

from __future__ import annotations

import ctypes
import faulthandler
import json
import os
import signal
import struct
import sys
from typing import Any

PR_SET_PDEATHSIG = 1
CANNOT_START = 70


def main() -> None:
    descriptor, last_words, parent = map(int, sys.argv[1:4])
    die_with(parent)
    faulthandler.enable(last_words, all_threads=False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which decides
    told = first_message(descriptor)
    sys.argv, sys.path[:] = [sys.argv[0]], told["path"]
    try:
        set_up(told)
        from executions.executor.attempts.isolation.inside import serve  # noqa: PLC0415
    except BaseException as error:
        say(descriptor, {"kind": "broken", "error": f"{type(error).__name__}: {error}"})
        os._exit(CANNOT_START)
    serve(descriptor)


def die_with(parent: int) -> None:
    """On Linux the kernel kills this process with its parent, even while it hangs in C."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the kernel was asked
        os._exit(CANNOT_START)


def set_up(told: dict[str, Any]) -> None:
    """Django, on the databases that the parent uses: a test's, where it runs in one."""
    import django  # noqa: PLC0415
    from django.conf import settings  # noqa: PLC0415

    for alias, name in told["databases"].items():
        database = settings.DATABASES[alias]
        database["NAME"] = name
        database.get("OPTIONS", {}).pop("pool", None)  # one call at a time needs one connection
    settings.C4C = {**getattr(settings, "C4C", {}), **told["settings"]}
    django.setup()


def first_message(descriptor: int) -> dict[str, Any]:
    head, body = struct.unpack("!II", _read(descriptor, 8))
    found: dict[str, Any] = json.loads(_read(descriptor, head + body))
    return found


def say(descriptor: int, head: dict[str, Any]) -> None:
    encoded = json.dumps(head).encode()
    os.write(descriptor, struct.pack("!II", len(encoded), 0) + encoded)


def _read(descriptor: int, length: int) -> bytes:
    found = b""
    while len(found) < length:
        more = os.read(descriptor, length - len(found))
        if not more:
            os._exit(CANNOT_START)
        found += more
    return found


if __name__ == "__main__":
    main()
