"""A server process from its first start to its orderly end."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from c4c_site.postgres.server import Server
from tests.site.servers import DEADLINE, PROJECT, folder, until


class Site:
    """``c4c serve`` in a process of its own, on a data folder that several may share."""

    def __init__(self, home: Path, port: int, *words: str) -> None:
        self.base = f"http://127.0.0.1:{port}"
        self.log = home.parent / f"{len(list(home.parent.iterdir()))}.log"
        command = [sys.executable, "manage.py", "c4c", "serve", *words, "-p", str(port)]
        environment = {**os.environ, "C4C_DATA_DIR": str(home), "DATABASE_URL": ""}
        environment |= {"DJANGO_SETTINGS_MODULE": "c4c_site.settings"}
        with self.log.open("w") as output:
            self.process = subprocess.Popen(
                command, cwd=PROJECT, env=environment, stdout=output, stderr=subprocess.STDOUT
            )

    def told(self) -> str:
        return self.log.read_text()

    def wait_until_up(self) -> Site:
        until(self._is_up)
        return self

    def end(self, number: int = signal.SIGTERM) -> float:
        """Tell it to end; answers how many seconds it took."""
        start = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(DEADLINE)
        return time.monotonic() - start

    def _is_up(self) -> bool:
        assert self.process.poll() is None, self.told()
        try:
            return httpx.get(f"{self.base}/health").is_success
        except httpx.TransportError:
            return False


@pytest.fixture
def home() -> Iterator[Path]:
    with folder() as place:
        yield place


@pytest.fixture
def sites(home: Path) -> Iterator[list[Site]]:
    started: list[Site] = []
    yield started
    for site in started:
        if site.process.poll() is None:
            site.process.kill()
            site.process.wait()


def test_it_serves_and_ends_in_order(home: Path, sites: list[Site], unused_port: int) -> None:
    site = Site(home, unused_port)
    sites.append(site)
    site.wait_until_up()
    done = httpx.post(
        f"{site.base}/workflow/execute", json={"workflowId": "simple-math-workflow"}, timeout=30
    ).json()
    taken = site.end()

    assert done["status"] == "completed"
    assert site.process.returncode == 0, site.told()
    assert taken < 2.5
    assert Server(home).status().running is None


def test_the_first_start_tells_a_password_that_works_and_the_second_none(
    home: Path, sites: list[Site], unused_port: int
) -> None:
    site = Site(home, unused_port)
    sites.append(site)
    site.wait_until_up()
    told = re.search(r"user (\S+) with password (\S+)", site.told())
    assert told is not None
    assert _signs_in(site.base, *told.groups())
    site.end(signal.SIGINT)
    assert site.process.returncode == 0

    again = Site(home, unused_port)
    sites.append(again)
    again.wait_until_up()
    again.end()
    assert "password" not in again.told()


def test_open_streams_end_in_order_when_it_does(home: Path, sites: list[Site], unused_port: int) -> None:
    site = Site(home, unused_port)
    sites.append(site)
    site.wait_until_up()
    with httpx.stream("GET", f"{site.base}/workflow/executions-stream", timeout=30) as stream:
        chunks = stream.iter_raw()
        next(chunks)
        taken = site.end()
        list(chunks)  # raises if the stream was cut rather than ended

    assert site.process.returncode == 0, site.told()
    assert taken < 2.5


def test_a_taken_port_is_one_line(home: Path, sites: list[Site], unused_port: int) -> None:
    site = Site(home, unused_port)
    sites.append(site)
    site.wait_until_up()
    second = Site(home, unused_port)
    sites.append(second)

    assert second.process.wait(DEADLINE) == 1
    assert second.told() == (
        f"c4c: port {unused_port} is taken: stop what listens there, or choose another with --port\n"
    )
    site.end()


def test_after_kill_9_it_starts_again_on_the_same_data(
    home: Path, sites: list[Site], unused_port: int
) -> None:
    site = Site(home, unused_port)
    sites.append(site)
    site.wait_until_up()
    execution = {"workflowId": "simple-math-workflow", "executionId": "kept"}
    httpx.post(f"{site.base}/workflow/execute", json=execution, timeout=30)
    site.process.kill()
    site.process.wait()

    again = Site(home, unused_port)
    sites.append(again)
    again.wait_until_up()
    assert httpx.get(f"{again.base}/workflow/executions/kept").is_success
    again.end()


def test_it_goes_on_when_its_database_is_killed(home: Path, sites: list[Site], unused_port: int) -> None:
    site = Site(home, unused_port)
    sites.append(site)
    site.wait_until_up()
    running = Server(home).status().running
    assert running is not None
    os.kill(running.pid, signal.SIGKILL)

    def works() -> bool:
        answer = httpx.post(
            f"{site.base}/workflow/execute", json={"workflowId": "simple-math-workflow"}, timeout=40
        )
        return answer.is_success and answer.json()["status"] == "completed"

    until(works)
    site.end()
    assert site.process.returncode == 0, site.told()


def test_pages_elsewhere_forward_the_api_with_its_streams(
    home: Path, sites: list[Site], unused_port: int, other_port: int
) -> None:
    api = Site(home, unused_port, "api")
    sites.append(api)
    api.wait_until_up()
    pages = Site(home, other_port, "ui", "--api-base", api.base)
    sites.append(pages)
    pages.wait_until_up()

    with httpx.stream("GET", f"{pages.base}/api/workflow/executions-stream", timeout=30) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.iter_lines()
        assert "event: executions.initial" in lines
        done = httpx.post(
            f"{pages.base}/api/workflow/execute", json={"workflowId": "simple-math-workflow"}, timeout=30
        )
        assert done.json()["status"] == "completed"
        assert "event: workflow.completed" in lines
    assert httpx.get(f"{pages.base}/executions").is_success
    assert httpx.get(f"{api.base}/executions").status_code == 404

    for site in (pages, api):
        assert site.end() < 2.5
        assert site.process.returncode == 0, site.told()


def test_pages_refuse_an_api_that_does_not_answer(home: Path, sites: list[Site], unused_port: int) -> None:
    pages = Site(home, unused_port, "ui", "--api-base", "http://127.0.0.1:9")
    sites.append(pages)

    assert pages.process.wait(DEADLINE) == 1
    assert "no c4c server answers at http://127.0.0.1:9" in pages.told()


def test_sites_that_start_together_share_one_database(
    home: Path, sites: list[Site], unused_port: int, other_port: int
) -> None:
    sites += [Site(home, unused_port), Site(home, other_port, "ui")]
    for site in sites:
        site.wait_until_up()
    assert sum("password" in site.told() for site in sites) == 1

    commands = [each.info["cmdline"] or [] for each in psutil.process_iter(["cmdline"])]
    servers = [words for words in commands if f"{home}/postgres" in words]
    assert len(servers) == 1
    for site in sites:
        site.end()
    assert Server(home).status().running is None


def _signs_in(base: str, name: str, password: str) -> bool:
    with httpx.Client(base_url=base) as client:
        client.get("/admin/login/")
        form = {"username": name, "password": password, "csrfmiddlewaretoken": client.cookies["csrftoken"]}
        answer = client.post("/admin/login/?next=/admin/", data=form, headers={"Referer": base})
        return answer.status_code == 302
