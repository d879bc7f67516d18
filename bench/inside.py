"""Inside a measuring process: Django, an executor in a thread, procedures, and what figures are made with."""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "c4c_site.settings")
django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from executions.cli.collecting import relax  # noqa: E402
from executions.executor import Executor  # noqa: E402
from procedures import Context, procedure  # noqa: E402
from workflows import library  # noqa: E402

LIMIT = 600.0


@procedure("bench.step", description="Adds one.")
async def step(n: int) -> int:
    return n + 1


@procedure("bench.work", description="Takes so long.")
async def work(seconds: float) -> None:
    await asyncio.sleep(seconds)


@procedure("bench.hold", description="The first attempt takes so long; later ones take no time.")
async def hold(context: Context, seconds: float) -> None:
    if context.attempt == 1:
        await asyncio.sleep(seconds)


def prepare() -> None:
    call_command("migrate", verbosity=0)


def publish(name: str, *nodes: dict[str, Any], **fields: Any) -> str:
    first = {"id": name, "name": name, "version": "1", "startNode": nodes[0]["id"]}
    library.publish({**first, "nodes": list(nodes), **fields})
    return name


def call(id: str, name: str = "bench.step", next: str | None = None, **config: Any) -> dict[str, Any]:
    return {"id": id, "type": "procedure", "procedureName": name, "config": config, "next": next}


@contextmanager
def executing(concurrency: int = 200) -> Iterator[Executor]:
    relax()  # as c4c worker does
    executor = Executor(concurrency=concurrency)
    thread = threading.Thread(target=executor.run)
    thread.start()
    assert executor.ready.wait(30)
    try:
        yield executor
    finally:
        executor.stop()
        thread.join()


def until(holds: Callable[[], bool], pause: float = 0.01) -> float:
    """Seconds that it took."""
    began = time.perf_counter()
    while not holds():
        assert time.perf_counter() - began < LIMIT, "it does not come"
        time.sleep(pause)
    return time.perf_counter() - began


def sql(statement: str, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return cursor.fetchall() if cursor.description else []


def quantile(values: Sequence[float], part: float) -> float:
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return cuts[round(part * 100) - 1]


def table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """In Markdown; the first column is text."""
    lines = ["| " + " | ".join(heads) + " |", "|---" + "|--:" * (len(heads) - 1) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(map(str, row)) + " |" for row in rows)])


def keep(path: str, figures: Any) -> None:
    """As JSON, where a path was given."""
    if path:
        with open(path, "w") as file:
            json.dump(figures, file, indent=1)
