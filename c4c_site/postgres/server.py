"""One embedded server: ensured, shared, left, stopped."""

from __future__ import annotations

import os
import shlex
import shutil
import threading
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import quote

from c4c_site.data_folder import make_folder
from c4c_site.postgres import cluster, places, postmaster
from c4c_site.postgres.cluster import DATABASE, SUPERUSER
from c4c_site.postgres.errors import ServerError
from c4c_site.postgres.postmaster import Postmaster
from c4c_site.postgres.sharing import Sharing

PORT = 5432  # only part of the socket's name: the server listens on no address
SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
LOG_MAX_BYTES = 5_000_000


@dataclass(frozen=True)
class Status:
    data: Path
    running: Postmaster | None
    kept: bool


class Server:
    """The PostgreSQL of one data folder, as seen by this process.

    Durable as PostgreSQL is by default. ``ensure`` may be called by any thread, before each connection.
    """

    def __init__(self, home: Path) -> None:
        self.home = home.expanduser().absolute()
        self._sharing = Sharing(self.home)
        self._threads = threading.Lock()
        self._left = False

    @property
    def data(self) -> Path:
        """The cluster: in ``home``, or linked from there to where the server's account can reach it."""
        return (self.home / "postgres").resolve()

    def ensure(self) -> str:
        """Start the server where it does not run, share it, and answer the folder of its socket."""
        if self._left:
            raise ServerError("this process is ending and has left its PostgreSQL")
        if self._sharing.held and (running := postmaster.read(self.data)) and running.ready:
            return running.socket_folder
        with self._threads:
            return self._shared().socket_folder

    def leave(self) -> None:
        """This process needs it no more: stop it, unless somebody else uses it or it is to be kept."""
        with self._threads:
            self._left = True
            if self._sharing.held:
                with self._sharing.alone():
                    if not self._sharing.others() and not self._keep.exists():
                        self._stop()

    def start(self) -> None:
        """Start it to stay until ``stop``, whoever uses and leaves it."""
        self.ensure()
        self._keep.touch()

    def stop(self, *, force: bool = False) -> bool:
        """Stop it for everybody; False if it did not run. Others using it are an error, unless forced."""
        if not self.home.exists():
            return False
        with self._threads, self._sharing.alone():
            if self._sharing.others() and not force:
                raise ServerError("another process is using the server: stop that first, or say --force")
            self._keep.unlink(missing_ok=True)
            return self._stop()

    def status(self) -> Status:
        return Status(self.data, postmaster.read(self.data), self._keep.exists())

    def url(self) -> str:
        """For psql and for ``DATABASE_URL``; the server must run."""
        folder = quote(self.ensure(), safe="")
        return f"postgresql://{SUPERUSER}@/{DATABASE}?host={folder}&port={PORT}"

    @property
    def _keep(self) -> Path:
        return self.home / "postgres.keep"

    def _shared(self) -> Postmaster:
        self._make_home()
        with self._sharing.alone():
            self._sharing.join()
            running = postmaster.read(self.data)
            return postmaster.wait_until_ready(self.data) if running else self._started()

    def _make_home(self) -> None:
        try:
            make_folder(self.home)
        except OSError as error:
            raise ServerError(f"cannot make {self.home} ({error.strerror}): set C4C_DATA_DIR") from error

    def _started(self) -> Postmaster:
        account = places.server_account(self.data)
        programs = places.programs(account)
        if not self.data.exists():
            cluster.create(self.home, programs, account)
        cluster.refuse_other_major(self.data, programs)
        postmaster.clear_up(self.data)
        log = self.data / "server.log"
        _shorten(log)
        wait = ["-w", "-t", str(postmaster.START_SECONDS)]
        told = ["-l", str(log), "-o", self._options(places.socket_folder(self.data, account))]
        self._pg_ctl("start", *wait, *told)
        return postmaster.wait_until_ready(self.data)

    def _stop(self) -> bool:
        running = postmaster.read(self.data)
        if running is None:
            return False
        self._pg_ctl("stop", "-w", "-m", "fast")
        if running.socket_folder != str(self.data):
            shutil.rmtree(running.socket_folder, ignore_errors=True)
        return True

    def _options(self, socket_folder: Path) -> str:
        settings = SETTINGS | {"unix_socket_directories": str(socket_folder)}
        return " ".join(f"-c {shlex.quote(f'{name}={value}')}" for name, value in settings.items())

    def _pg_ctl(self, action: str, *words: str) -> None:
        account = places.server_account(self.data)
        program = places.programs(account) / "pg_ctl"
        places.run_as(
            account, program, action, "-D", self.data, *words, timeout=postmaster.START_SECONDS + 30
        )


@cache
def at(home: Path) -> Server:
    """This process's one ``Server`` of a data folder."""
    return Server(home)


def _shorten(log: Path) -> None:
    with suppress(OSError):
        if log.stat().st_size > LOG_MAX_BYTES:
            os.truncate(log, 0)
