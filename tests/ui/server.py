"""``c4c serve`` in a process of its own, which can be stopped and started again on the same port."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx
from django.db import connection

START_SECONDS = 30.0


class Server:
    """``part``: all (with an executor) or ui (pages and streams only)."""

    def __init__(self, folder: Path, part: str = "ui", **c4c: Any) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.part = part
        self.log_path = folder / f"serve-{self.port}.log"
        self.environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.ui.settings",
            "UI_DATABASE": str(connection.settings_dict["NAME"]),
            "UI_C4C": json.dumps(c4c),
        }
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "django", "c4c", "serve", self.part, "--port", str(self.port)]
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
        deadline = monotonic() + START_SECONDS
        while not self._answers():
            if self.process.poll() is not None or monotonic() > deadline:
                raise AssertionError(f"the server did not start:\n{self.log_path.read_text()}")
            sleep(0.05)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health").status_code == 200
        except httpx.TransportError:
            return False
