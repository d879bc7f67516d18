"""The running server as its lock file tells of it, and what a killed one leaves behind."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from c4c_site.postgres.errors import ServerError
from c4c_site.postgres.places import SOCKET

NO_PROCESS = 4_194_304  # above every process id that Linux or macOS gives
START_SECONDS = 120  # crash recovery of a large log takes its time
ORPHAN_SECONDS = 3


@dataclass(frozen=True)
class Postmaster:
    pid: int
    socket_folder: str
    ready: bool


def read(data: Path) -> Postmaster | None:
    """The living server of this data folder, or None."""
    told = _lock_file(data)
    return told if told is not None and _is_ours(told.pid, data) else None


def wait_until_ready(data: Path) -> Postmaster:
    """The server, once it takes connections: another process may have left it while it was starting."""
    deadline = time.monotonic() + START_SECONDS
    while server := read(data):
        if server.ready:
            return server
        if time.monotonic() > deadline:
            raise ServerError(f"the PostgreSQL in {data} has been starting for {START_SECONDS} s")
        time.sleep(0.02)
    raise ServerError(f"PostgreSQL did not start; its last words: {last_words(data)}")


def clear_up(data: Path) -> None:
    """Make a data folder startable after its server was killed.

    PostgreSQL believes a lock file whose process id is taken: by a zombie that nobody reaps, or by any newer
    process of the same user. We know better, so the file gets an id that cannot exist; the rest of it stays,
    since PostgreSQL finds orphans of the old server by the shared memory that it names.
    """
    if _lock_file(data) is not None:
        for path in (data / "postmaster.pid", data / f"{SOCKET}.lock"):
            _disown(path)
    _end_orphans(data)


def last_words(data: Path) -> str:
    with suppress(OSError):
        lines = (data / "server.log").read_text(errors="replace").strip().splitlines()
        return " / ".join(lines[-3:])
    return "(no log)"


def _lock_file(data: Path) -> Postmaster | None:
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
        ready = len(lines) > 7 and lines[7].strip() == "ready"
        return Postmaster(int(lines[0]), lines[4].strip() if len(lines) > 4 else "", ready)
    except (OSError, IndexError, ValueError):
        return None


def _is_ours(pid: int, data: Path) -> bool:
    """A server's working directory is its data folder; a process that we may not look at is not ours."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()) == data
    except (psutil.Error, OSError):
        return False


def _disown(path: Path) -> None:
    with suppress(FileNotFoundError):
        _first, _newline, rest = path.read_text().partition("\n")
        path.write_text(f"{NO_PROCESS}\n{rest}")


def _end_orphans(data: Path) -> None:
    """Backends leave by themselves when their server dies, unless they are busy: then they are told to."""
    orphans = [process for process in psutil.process_iter() if _is_ours(process.pid, data)]
    _gone, busy = psutil.wait_procs(orphans, timeout=ORPHAN_SECONDS)
    for process in busy:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(busy, timeout=ORPHAN_SECONDS)
