"""A database cluster on disk: made whole or not at all, and refused when another version wrote it."""

from __future__ import annotations

import shutil
from pathlib import Path
from pwd import struct_passwd

from c4c_site.postgres import places
from c4c_site.postgres.errors import ServerError

DATABASE = "c4c"
SUPERUSER = "postgres"


def create(home: Path, programs: Path, account: struct_passwd | None) -> None:
    """``home/postgres``, made under another name first: a killed first start leaves no half cluster."""
    for abandoned in home.glob("postgres-*.new"):
        shutil.rmtree(abandoned, ignore_errors=True)
    new = places.new_data_folder(home, account)
    _fill(new, programs, account)
    final = home / "postgres"
    if new.parent == home:
        new.rename(final)
    else:
        final.unlink(missing_ok=True)
        final.symlink_to(new.rename(new.with_suffix("")))


def refuse_other_major(data: Path, programs: Path) -> None:
    written = (data / "PG_VERSION").read_text().strip()
    ours = places.run_as(None, programs / "postgres", "--version").stdout.split()[-1].partition(".")[0]
    if written != ours:
        raise ServerError(
            f"the data in {data} was written by PostgreSQL {written}, and this is {ours}: dump it with "
            f"pg_dump of {written} and restore it into a new C4C_DATA_DIR, or go back to that version"
        )


def _fill(new: Path, programs: Path, account: struct_passwd | None) -> None:
    access = ["--auth-local=trust", "--auth-host=reject"]  # the socket is in a folder closed to others
    form = ["-U", SUPERUSER, "-E", "UTF8", "--locale=C.UTF-8", *access]
    made = places.run_as(account, programs / "initdb", "-D", new, *form)
    if made.returncode:
        raise ServerError(f"PostgreSQL's initdb failed: {made.stdout.strip()[-500:]}")
    single: list[str | Path] = ["--single", "-j", "-D", new, "postgres"]
    made = places.run_as(account, programs / "postgres", *single, text=f"CREATE DATABASE {DATABASE};\n\n")
    if made.returncode or "ERROR" in made.stdout:
        raise ServerError(f"no database could be made in {new}: {made.stdout.strip()[-500:]}")
