"""One measurement of DBOS Transact: ``python -m bench.run_dbos WORKLOAD EXECUTIONS LATENCIES sync|async``.

Its defaults, its own API, in a process of its own, on the database that ``DBOS_DATABASE_URL`` names.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from dbos import DBOS

from bench.workloads import IN_FLIGHT, WORKLOADS, Workload

WORKLOAD: Workload = WORKLOADS[sys.argv[1]] if len(sys.argv) > 1 else WORKLOADS["seq3"]


@DBOS.step()
def step(n: int) -> int:
    return n + 1


@DBOS.step()
async def astep(n: int) -> int:
    return n + 1


@DBOS.workflow()
def sequential() -> int:
    return [step(n) for n in range(WORKLOAD.steps)][-1]


@DBOS.workflow()
async def asequential() -> int:
    last = 0
    for n in range(WORKLOAD.steps):
        last = await astep(n)
    return last


@DBOS.workflow()
async def aparallel() -> list[int]:
    return list(await asyncio.gather(*(astep(n) for n in range(WORKLOAD.steps))))


def sync_throughput(executions: int) -> float:
    began = time.perf_counter()
    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        for done in [pool.submit(sequential) for _ in range(executions)]:
            done.result()
    return time.perf_counter() - began


def sync_latencies(count: int) -> list[float]:
    times = []
    for _ in range(count):
        began = time.perf_counter()
        sequential()
        times.append(time.perf_counter() - began)
    return times


async def async_throughput(executions: int) -> float:
    work = aparallel if WORKLOAD.parallel else asequential
    left = iter(range(executions))

    async def line() -> None:
        for _ in left:
            await work()

    began = time.perf_counter()
    await asyncio.gather(*(line() for _ in range(IN_FLIGHT)))
    return time.perf_counter() - began


async def async_latencies(count: int) -> list[float]:
    work = aparallel if WORKLOAD.parallel else asequential
    times = []
    for _ in range(count):
        began = time.perf_counter()
        await work()
        times.append(time.perf_counter() - began)
    return times


async def measure_async(executions: int, alone: int) -> tuple[list[float], float]:
    await async_latencies(20)
    return await async_latencies(alone), await async_throughput(executions)


def main() -> None:
    executions, alone, way = int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    DBOS(
        config={"name": "bench", "system_database_url": os.environ["DBOS_DATABASE_URL"], "log_level": "ERROR"}
    )
    DBOS.launch()
    if way == "async":
        times, seconds = asyncio.run(measure_async(executions, alone))
    else:
        sync_latencies(20)
        times, seconds = sync_latencies(alone), sync_throughput(executions)
    print(json.dumps({"steps_per_second": executions * WORKLOAD.steps / seconds, "latencies": times}))
    DBOS.destroy()


if __name__ == "__main__":
    main()
