"""The real command in processes of its own, on the test's database."""

from __future__ import annotations

import io
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from executions.management.commands.c4c import Command
from tests import database
from workflows import library

LIMIT = 60.0
"""Seconds after which a process that should have ended has failed."""

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def environment(transactional_db: None) -> dict[str, str]:
    library.sync()
    return {**os.environ, "DATABASE_URL": database.url(), "PYTHONUNBUFFERED": "1", "COLUMNS": "100"}


@pytest.fixture
def c4c(environment: dict[str, str]) -> Run:
    def run(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            _command(words),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            env=environment,
            check=False,
        )

    return run


@pytest.fixture
def typed(transactional_db: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """The same command within this process, where another process would show nothing more."""
    library.sync()

    def run(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        capsys.readouterr()
        try:
            Command().run_from_argv(["manage.py", "c4c", *words])
            code = 0
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else 1
        told = capsys.readouterr()
        return subprocess.CompletedProcess(words, code, told.out, told.err)

    return run


@pytest.fixture
def starting(environment: dict[str, str]) -> Iterator[Callable[..., Running]]:
    """Processes that go on; those that the test leaves running are killed."""
    started: list[Running] = []

    def start(*words: str) -> Running:
        started.append(Running(words, environment))
        return started[-1]

    yield start
    for process in started:
        process.kill()


class Running:
    def __init__(self, words: tuple[str, ...], environment: dict[str, str]) -> None:
        pipe: Any = subprocess.PIPE
        self.process = subprocess.Popen(
            _command(words), stdout=pipe, stderr=subprocess.STDOUT, env=environment
        )
        self.told = ""

    def until(self, words: str) -> None:
        """Read what it prints until ``words`` are among it."""
        deadline = time.monotonic() + LIMIT
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while words not in self.told:
                assert selector.select(deadline - time.monotonic()), f"{words!r} did not come: {self.told}"
                read = os.read(self.process.stdout.fileno(), 65536)
                assert read, f"it ended without {words!r}: {self.told}"
                self.told += read.decode()

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def terminate(self) -> None:
        self.process.terminate()

    def ends(self) -> int:
        """Its exit code; what it printed is in ``told``."""
        rest, _ = self.process.communicate(timeout=LIMIT)
        self.told += rest.decode()
        return self.process.returncode

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


def _command(words: tuple[str, ...]) -> list[str]:
    return [sys.executable, "manage.py", "c4c", *words]
