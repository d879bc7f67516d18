"""Where the time goes: three sequential steps, 200 executions under way, the executor under cProfile.

The profiler makes Python look slower than it is beside C; the parts beside each other are what to look at.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import pstats
import threading
from collections import Counter

from bench.inside import call, prepare, publish, table
from bench.run_c4c import throughput
from executions import intake
from executions.executor import Executor
from executions.models import Execution

PARTS = {
    "the rules of flow": ("executions/flow/", "executions/states", "workflows/"),
    "building rows and events": ("executions/transitions", "executions/moments", "executions/vault"),
    "the journal and psycopg": ("executions/journal/", "psycopg", "database.py"),
    "calling user code": ("executor/attempt", "executor/invoking", "procedures/", "pydantic", "bench/"),
    "tracing": ("opentelemetry", "telemetry"),
    "starting: checks and first rows": ("executions/intake", "executions/limits", "takeover", "service"),
    "driver and claims": ("executions/",),
    "the event loop": ("asyncio", "contextvars", "selectors", "threading", "socket"),
}
REST = "the rest"
WAITING = ("epoll", "'acquire' of '_thread.lock'")


def main() -> None:
    options = arguments()
    prepare()
    steps = [call(f"s{n}", next=f"s{n + 1}" if n < 2 else None, n=n) for n in range(3)]
    publish("seq3", *({k: v for k, v in step.items() if v is not None} for step in steps))
    intake.prepare("seq3")
    profile = cProfile.Profile()
    executor = Executor()
    thread = threading.Thread(target=lambda: profile.runcall(executor.run))
    thread.start()
    assert executor.ready.wait(30)
    work = throughput(executor, "seq3", options.executions)
    seconds = asyncio.run_coroutine_threadsafe(work, executor.loop).result()
    executor.stop()
    thread.join()
    assert Execution.objects.filter(status="completed").count() == options.executions
    steps = 3 * options.executions
    spent = parts(profile)
    rows = [
        [name, f"{1e6 * own / steps:.0f} µs", f"{own / spent.total():.0%}"]
        for name, own in spent.most_common()
    ]
    print(table([f"{steps / seconds:,.0f} steps/s under the profiler", "a step", "share"], rows))


def parts(profile: cProfile.Profile) -> Counter[str]:
    """Seconds of own time, without waiting; what is built in counts for who calls it."""
    spent: Counter[str] = Counter()
    for (file, _, name), (_, _, own, _, callers) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        if any(each in name for each in WAITING):
            continue
        if file != "~":
            spent[part(file)] += own
        else:
            for (caller, _, _), (_, _, share, _) in callers.items():
                spent[part(caller)] += share
    return spent


def part(file: str) -> str:
    return next((part for part, marks in PARTS.items() if any(mark in file for mark in marks)), REST)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench profile", description=__doc__)
    parser.add_argument("--executions", type=int, default=1000)
    return parser.parse_args()


if __name__ == "__main__":
    main()
