"""``python -m bench [--rounds N]``: c4c, DBOS Transact and a bare pgbench on one PostgreSQL, in one run.

Without ``DATABASE_URL`` on the embedded server, whose durable defaults are left as they are. Each measurement
is a process of its own on a database of its own; systems take turns, the table has the medians of all rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import psycopg

from bench import server
from bench.workloads import IN_FLIGHT, WORKLOADS, Workload

ROOT = Path(__file__).resolve().parent.parent
TARGET_THROUGHPUT, TARGET_LATENCY = 8.0, 0.5

Figures = dict[str, Any]


def main() -> None:
    options = arguments()
    with server.running() as place:
        print(f"PostgreSQL {place.version}, {place.settings}; {os.cpu_count()} cores; {IN_FLIGHT} in flight")
        print(f"pgbench, one INSERT a transaction: {baseline(place)}\n")
        rounds: dict[tuple[str, str], list[Figures]] = defaultdict(list)
        for number in range(options.rounds):
            for workload in WORKLOADS.values():
                for system, figures in one_round(place, workload, options):
                    rounds[workload.name, system].append(figures)
            print(f"round {number + 1} of {options.rounds} done", file=sys.stderr)
    print(table(rounds))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--executions", type=int, default=1000, help="of c4c per measurement (DBOS: a fifth)")
    parser.add_argument(
        "--alone", type=int, default=200, help="executions run one after the other for latency"
    )
    return parser.parse_args()


def one_round(
    place: server.Place, workload: Workload, options: argparse.Namespace
) -> list[tuple[str, Figures]]:
    """c4c, then DBOS in its better way: sequential workloads are run both sync and async."""
    counts = [str(options.executions), str(options.alone)]
    found = [
        ("c4c", measure("bench.run_c4c", place.url("c4c_bench"), "DATABASE_URL", workload.name, *counts))
    ]
    counts[0] = str(max(100, options.executions // 5))
    for way in ["async"] if workload.parallel else ["sync", "async"]:
        url = place.sqlalchemy_url("dbos_bench")
        figures = measure("bench.run_dbos", url, "DBOS_DATABASE_URL", workload.name, *counts, way)
        found.append((f"DBOS {way}", figures))
    return found


def measure(module: str, url: str, variable: str, *words: str) -> Figures:
    done = subprocess.run(
        [sys.executable, "-m", module, *words],
        env={**os.environ, variable: url},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{module} {' '.join(words)} failed:\n{done.stderr[-2000:]}")
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


def baseline(place: server.Place) -> str:
    """What the disk and PostgreSQL do by themselves: commits a second, with one client and with eight."""
    with psycopg.connect(place.url("c4c_bench"), autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS baseline (id bigserial PRIMARY KEY, value text)")
    script = ROOT / "bench" / "baseline.sql"
    told = []
    for clients in ("1", "8"):
        command = [place.pgbench, "-n", "-M", "prepared", "-T", "3", "-c", clients, "-f", str(script)]
        done = subprocess.run([*command, place.url("c4c_bench")], capture_output=True, text=True, check=True)
        rate = re.search(r"tps = ([\d.]+)", done.stdout)
        assert rate is not None
        told.append(f"{float(rate[1]):,.0f} commits/s with {clients}")
    return ", ".join(told)


def table(rounds: dict[tuple[str, str], list[Figures]]) -> str:
    lines = [
        "| workload | system | steps/s | alone p50 | alone p95 | c4c's throughput | c4c's latency |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    for (workload, system), found in rounds.items():
        rate, p50, p95 = summary(found)
        own_rate, own_p50, _ = summary(rounds[workload, "c4c"])
        ratios = "| |" if system == "c4c" else f"| {own_rate / rate:.1f} x | {own_p50 / p50:.2f} x |"
        title = WORKLOADS[workload].title
        lines.append(f"| {title} | {system} | {rate:,.0f} | {p50:.2f} ms | {p95:.2f} ms {ratios}")
    return "\n".join(lines)


def summary(found: list[Figures]) -> tuple[float, float, float]:
    """Medians over the rounds: steps per second, and the latencies' p50 and p95 in ms."""
    rate = statistics.median(figures["steps_per_second"] for figures in found)
    cuts = [statistics.quantiles(figures["latencies"], n=20) for figures in found]
    return rate, statistics.median(c[9] for c in cuts) * 1000, statistics.median(c[18] for c in cuts) * 1000
