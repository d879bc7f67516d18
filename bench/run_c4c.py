"""One measurement of c4c, in a process of its own: ``python -m bench.run_c4c WORKLOAD EXECUTIONS LATENCIES``.

Prints a JSON line: steps per second with ``IN_FLIGHT`` executions under way, and times of executions alone.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "c4c_site.settings")
django.setup()

from django.core.management import call_command  # noqa: E402

from bench.workloads import IN_FLIGHT, WORKLOADS, Workload  # noqa: E402
from executions import intake  # noqa: E402
from executions.cli.collecting import relax  # noqa: E402
from executions.executor import Executor  # noqa: E402
from executions.models import Event, Execution, NodeRun  # noqa: E402
from procedures import procedure  # noqa: E402
from workflows import library  # noqa: E402


@procedure("bench.step", description="Adds one.")
async def step(n: int) -> int:
    return n + 1


def definition(workload: Workload) -> dict[str, Any]:
    names = [f"step-{n}" for n in range(workload.steps)]
    nodes: list[dict[str, Any]] = [
        {"id": name, "type": "procedure", "procedureName": "bench.step", "config": {"n": place}}
        for place, name in enumerate(names)
    ]
    start = names[0]
    if workload.parallel:
        start = "fork"
        nodes.insert(0, {"id": start, "type": "parallel", "config": {"branches": names, "waitForAll": True}})
    else:
        for node, following in zip(nodes, names[1:], strict=False):
            node["next"] = following
    return {"id": workload.name, "name": workload.title, "version": "1", "startNode": start, "nodes": nodes}


async def one(executor: Executor, name: str) -> None:
    driver = await executor.admit(intake.prepare(name))
    assert driver is not None and driver.finished is not None
    assert await driver.finished == "completed"


async def throughput(executor: Executor, name: str, executions: int) -> float:
    left = iter(range(executions))

    async def line() -> None:
        for _ in left:
            await one(executor, name)

    began = time.perf_counter()
    await asyncio.gather(*(line() for _ in range(IN_FLIGHT)))
    return time.perf_counter() - began


async def latencies(executor: Executor, name: str, count: int) -> list[float]:
    times = []
    for _ in range(count):
        began = time.perf_counter()
        await one(executor, name)
        times.append(time.perf_counter() - began)
    return times


def main() -> None:
    workload, executions, alone = WORKLOADS[sys.argv[1]], int(sys.argv[2]), int(sys.argv[3])
    call_command("migrate", verbosity=0)
    library.publish(definition(workload))
    intake.prepare(workload.name)
    executor = Executor(concurrency=IN_FLIGHT)
    relax()  # as c4c worker does
    thread = threading.Thread(target=executor.run)
    thread.start()
    assert executor.ready.wait(30)
    try:
        result = measure(executor, workload, executions, alone)
    finally:
        executor.stop()
        thread.join()
    print(json.dumps(result))


def measure(executor: Executor, workload: Workload, executions: int, alone: int) -> dict[str, Any]:
    def run(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, executor.loop).result()

    run(latencies(executor, workload.name, 20))
    times = run(latencies(executor, workload.name, alone))
    before = Execution.objects.filter(workflow_id=workload.name).count()
    seconds = run(throughput(executor, workload.name, executions))
    assert (
        Execution.objects.filter(workflow_id=workload.name, status="completed").count() == before + executions
    )
    durable(workload, before + executions)
    return {"steps_per_second": executions * workload.steps / seconds, "latencies": times}


def durable(workload: Workload, executions: int) -> None:
    """Every step's start, end and output is in the database, or the figure is worth nothing."""
    mine = {"execution__workflow_id": workload.name}
    steps = NodeRun.objects.filter(procedure="bench.step", status="completed", output__isnull=False, **mine)
    assert (
        steps.filter(started_at__isnull=False, ended_at__isnull=False).count() == executions * workload.steps
    )
    for told in ("node.started", "node.completed"):
        assert Event.objects.filter(type=told, **mine).count() >= executions * workload.steps


if __name__ == "__main__":
    main()
