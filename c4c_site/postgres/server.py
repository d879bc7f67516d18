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
from pwd import struct_passwd
from urllib.parse import quote

from c4c_site.data_folder import make_folder
from c4c_site.postgres import places, postmaster
from c4c_site.postgres.errors import ServerError
from c4c_site.postgres.postmaster import Postmaster
from c4c_site.postgres.sharing import Sharing

DATABASE = "c4c"
SUPERUSER = "postgres"
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
            self._create(programs, account)
        _refuse_other_major(self.data, programs)
        postmaster.clear_up(self.data)
        _shorten(self.data / "server.log")
        settings = SETTINGS | {"unix_socket_directories": str(places.socket_folder(self.data, account))}
        options = " ".join(f"-c {shlex.quote(f'{name}={value}')}" for name, value in settings.items())
        log = self.data / "server.log"
        command = [programs / "pg_ctl", "start", "-w", "-t", str(postmaster.START_SECONDS), "-D", self.data]
        places.run_as(account, [*command, "-l", log, "-o", options], timeout=postmaster.START_SECONDS + 30)
        return postmaster.wait_until_ready(self.data)

    def _create(self, programs: Path, account: struct_passwd | None) -> None:
        """Made under another name and then renamed, so that a killed first start leaves no half cluster."""
        for abandoned in self.home.glob("postgres-*.new"):
            shutil.rmtree(abandoned, ignore_errors=True)
        new = places.new_data_folder(self.home, account)
        initdb = [programs / "initdb", "-D", new, "-U", SUPERUSER, "-E", "UTF8", "--locale=C.UTF-8"]
        _done(places.run_as(account, [*initdb, "--auth-local=trust", "--auth-host=reject"]).stdout, new)
        single = [programs / "postgres", "--single", "-j", "-D", new, "postgres"]
        _done(places.run_as(account, single, text=f"CREATE DATABASE {DATABASE};\n\n").stdout, new)
        final = self.home / "postgres"
        if new.parent == self.home:
            new.rename(final)
        else:
            lasting = new.rename(new.with_suffix(""))
            final.unlink(missing_ok=True)
            final.symlink_to(lasting)

    def _stop(self) -> bool:
        running = postmaster.read(self.data)
        if running is None:
            return False
        account = places.server_account(self.data)
        command = [places.programs(account) / "pg_ctl", "stop", "-w", "-m", "fast", "-D", self.data]
        places.run_as(account, command)
        if running.socket_folder != str(self.data):
            shutil.rmtree(running.socket_folder, ignore_errors=True)
        return True


@cache
def at(home: Path) -> Server:
    """This process's one ``Server`` of a data folder."""
    return Server(home)


def _done(output: str, cluster: Path) -> None:
    if not (cluster / "PG_VERSION").exists():
        raise ServerError(f"PostgreSQL's initdb failed: {output.strip()[-500:]}")


def _refuse_other_major(data: Path, programs: Path) -> None:
    written = (data / "PG_VERSION").read_text().strip()
    ours = places.run_as(None, [programs / "postgres", "--version"]).stdout.split()[-1].partition(".")[0]
    if written != ours:
        raise ServerError(
            f"the data in {data} was written by PostgreSQL {written}, and this is {ours}: dump it with "
            f"pg_dump of {written} and restore it into a new C4C_DATA_DIR, or go back to that version"
        )


def _shorten(log: Path) -> None:
    with suppress(OSError):
        if log.stat().st_size > LOG_MAX_BYTES:
            os.truncate(log, 0)
