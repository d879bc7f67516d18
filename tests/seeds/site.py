"""Server processes of the product, on data folders of their own."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg

from c4c_site.postgres.server import at
from tests.seeds.shell import LIMIT, c4c_words, curl, surroundings
from tests.site.servers import DEADLINE, PROJECT, kill_server, until


class Process:
    """A ``c4c`` command that goes on until it is ended."""

    def __init__(self, home: Path, name: str, *words: str, **environment: str) -> None:
        self.home = home
        self.log = home.parent / f"{name}.log"
        with self.log.open("a") as output:
            self.process = subprocess.Popen(
                c4c_words(*words),
                cwd=PROJECT,
                env=surroundings(home, **environment),
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def told(self) -> str:
        return self.log.read_text()

    def end(self) -> None:
        """In order; one that cannot is killed, and the test told."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                self.kill()
                raise

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


class Site(Process):
    """``c4c serve …``; the port comes from the environment, as ``PORT=… c4c serve all``."""

    def __init__(self, home: Path, *words: str, port: int | None = None) -> None:
        self.port = port or unused_port()
        self.base = f"http://localhost:{self.port}"
        super().__init__(
            home, str(self.port), "serve", *words, PORT=str(self.port), C4C_UI_PORT=str(self.port)
        )
        until(self._is_up)

    def curl(self, line: str) -> Any:
        """A seed's line as written there, but for the port."""
        return curl(self.here(line))

    def here(self, line: str) -> str:
        return line.replace("localhost:3000", f"localhost:{self.port}").replace(
            "localhost:3100", f"localhost:{self.port}"
        )

    def get(self, path: str, **more: Any) -> httpx.Response:
        return httpx.get(self.base + path, timeout=LIMIT, **more)

    def execute(self, workflow: str | dict[str, Any], **body: Any) -> dict[str, Any]:
        """Start or run one; the answer's body."""
        named = {"workflowId": workflow} if isinstance(workflow, str) else {"workflow": workflow}
        answer = httpx.post(f"{self.base}/workflow/execute", json={**named, **body}, timeout=LIMIT)
        assert answer.status_code == (202 if body.get("async") else 200), answer.text
        told: dict[str, Any] = answer.json()
        return told

    def execution(self, execution_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"/workflow/executions/{execution_id}").json()["execution"]
        return found

    def events(self, execution_id: str) -> list[dict[str, Any]]:
        """The log, as the polling fallback tells it."""
        page = self.get(f"/workflow/executions/{execution_id}/events?limit=1000").json()
        assert not page["hasMore"]
        found: list[dict[str, Any]] = page["events"]
        return found

    def until_ended(self, execution_id: str) -> dict[str, Any]:
        until(lambda: "endTime" in self.execution(execution_id))
        return self.execution(execution_id)

    def _is_up(self) -> bool:
        assert self.process.poll() is None, self.told()
        try:
            return self.get("/health/ready").is_success
        except httpx.TransportError:
            return False


def kill_everything(site: Site) -> None:
    """kill -9 of the serving process and of its PostgreSQL."""
    site.kill()
    kill_server(site.home)


@contextmanager
def database(home: Path) -> Iterator[psycopg.Connection[Any]]:
    """Beside the product, to look at what it does."""
    running = at(home).status().running
    assert running is not None
    with psycopg.connect(
        host=running.socket_folder, dbname="c4c", user="postgres", application_name="looking", autocommit=True
    ) as connection:
        yield connection


def unused_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port: int = trial.getsockname()[1]
        return port


def seconds_until(condition: Any) -> float:
    began = time.monotonic()
    until(condition)
    return time.monotonic() - began
