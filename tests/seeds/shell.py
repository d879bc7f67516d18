"""The seeds' commands in processes of their own, as a person types them."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.site.servers import PROJECT

LIMIT = 60
CURL = shutil.which("curl")
CONFIGURED = {
    "DATABASE_URL",
    "DJANGO_SETTINGS_MODULE",
    "HOST",
    "PORT",
    "C4C_UI_PORT",
    "C4C_POOL_SIZE",
    "DEBUG",
}
C4C = Path(sys.executable).with_name("c4c")


def curl_words(line: str) -> list[str]:
    """The words of a line that starts with ``curl``, with what there is of curl here."""
    name, *words = shlex.split(line.replace("\\\n", " "))
    assert name == "curl"
    return [CURL, *words] if CURL else [sys.executable, "-m", "tests.seeds.curl", *words]


def curl(line: str) -> Any:
    """The JSON that such a line answers."""
    done = subprocess.run(
        curl_words(line), cwd=PROJECT, capture_output=True, text=True, timeout=LIMIT, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def c4c_words(*words: str) -> list[str]:
    return [str(C4C), *words] if C4C.exists() else [sys.executable, "manage.py", "c4c", *words]


def surroundings(home: Path, **more: str) -> dict[str, str]:
    """The environment of somebody who configured nothing but where the data lives."""
    kept = {name: value for name, value in os.environ.items() if name not in CONFIGURED}
    return {**kept, "C4C_DATA_DIR": str(home), "PYTHONUNBUFFERED": "1", **more}


CONFIGURED = {
    "DATABASE_URL",
    "DJANGO_SETTINGS_MODULE",
    "HOST",
    "PORT",
    "C4C_UI_PORT",
    "DEBUG",
    "C4C_POOL_SIZE",
}
