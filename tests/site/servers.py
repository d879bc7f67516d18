"""Processes that use an embedded server, for tests that share, kill and race them."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from c4c_site.postgres.server import at

PROJECT = Path(__file__).resolve().parents[2]
DEADLINE = 60

USER = """
import sys
from pathlib import Path
import psycopg
from c4c_site.postgres.server import at

server = at(Path(sys.argv[1]))
connection = psycopg.connect(server.url())
print(connection.execute("SELECT pg_postmaster_start_time()").fetchone()[0], flush=True)
sys.stdin.read()
connection.close()
server.leave()
"""


class User:
    """A process that holds the server until it is told to go."""

    def __init__(self, home: Path, account: str | None = None) -> None:
        self.process = subprocess.Popen(
            [interpreter(account), "-c", USER, str(home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd="/",
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(PROJECT), *packages()])},
            user=account,
        )

    def server_start(self) -> str:
        """When the server that this process found was started: the same time is the same server."""
        assert self.process.stdout is not None
        told = self.process.stdout.readline().strip()
        assert told, self.process.communicate()[1]
        return told

    def leave(self) -> None:
        _out, problems = self.process.communicate(timeout=DEADLINE)
        assert self.process.returncode == 0, problems

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@contextmanager
def folder(parent: Path | None = None, mode: int = 0o755) -> Iterator[Path]:
    """A home for a server, such that any account reaches it; whatever still runs in it is ended."""
    place = Path(tempfile.mkdtemp(prefix="c4c-test-", dir=parent))
    place.chmod(mode)
    home = place / "home"
    try:
        yield home
    finally:
        server = at(home)
        if server.status().running:
            server.stop(force=True)
        shutil.rmtree(server.data, ignore_errors=True)
        shutil.rmtree(place, ignore_errors=True)


def kill_server(home: Path) -> int:
    """kill -9 of the postmaster; answers its process id."""
    running = at(home).status().running
    assert running is not None
    os.kill(running.pid, signal.SIGKILL)
    until(lambda: at(home).status().running is None)
    return running.pid


def until(condition: Callable[[], object], deadline: float = DEADLINE) -> None:
    end = time.monotonic() + deadline
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def gone(pid: int) -> bool:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    return True


def interpreter(account: str | None) -> str:
    """Ours; for another account one that it may run, since ours may lie in a home that is closed to it."""
    for candidate in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}", "/usr/bin/python3"):
        if account is None or _runs(candidate, account):
            return candidate
    raise AssertionError(f"no Python of this version that {account} may run")


def packages() -> list[str]:
    return [path for path in sys.path if path.endswith("site-packages")]


def _runs(program: str, account: str) -> bool:
    with suppress(OSError):
        done = subprocess.run(
            [program, "-c", "import sys; print(sys.version_info[:2])"],
            user=pwd.getpwnam(account).pw_uid,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
        )
        return done.stdout.strip() == str(sys.version_info[:2])
    return False
