"""Where workers come from: ``python -m tests.chaos.nursery`` has imported everything, and forks itself.

A line on its input, ``<seconds by which the worker's clock is wrong>``, makes one; the answer is its id.
So two hundred workers can be killed in a few minutes. A worker is what ``tests.durability.worker`` runs: the
product, in a process of its own.
"""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import IO

from psutil import pid_exists

from tests.durability import worker
from tests.durability.skewed import set_clock


class Nursery:
    """Of this process: makes workers, and knows which of them live."""

    def __init__(self, environment: dict[str, str]) -> None:
        inherited = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.nursery"],
            env={**inherited, **environment, "LOSSES": "100"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.alive: list[int] = []

    def bear(self, skew: float) -> int:
        """A new worker, whose own clock is so many seconds wrong."""
        given, told = _pipes(self._process)
        given.write(f"{skew}\n".encode())
        given.flush()
        self.alive.append(int(told.readline()))
        return self.alive[-1]

    def kill(self, pid: int) -> None:
        self.send(pid, signal.SIGKILL)
        self.alive.remove(pid)

    def send(self, pid: int, word: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, word)

    def bury(self) -> int:
        """How many have died of themselves, and are not counted as alive any more."""
        dead = [pid for pid in self.alive if not pid_exists(pid)]
        for pid in dead:
            self.alive.remove(pid)
        return len(dead)

    def close(self) -> None:
        for pid in list(self.alive):
            self.kill(pid)
        for pipe in _pipes(self._process):
            pipe.close()
        self._process.wait(30)


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    assert process.stdin is not None and process.stdout is not None
    return process.stdin, process.stdout


def main() -> None:
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _work(float(line))
        print(pid, flush=True)


def _work(skew: float) -> None:
    """Never returns."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, sys.stdin.fileno())
    os.dup2(nothing, sys.stdout.fileno())
    set_clock(skew)
    try:
        worker.main([])
    finally:
        os._exit(1)


if __name__ == "__main__":
    main()
