"""Claims, latency and memory while more and more executions are parked: 0, 10,000, 100,000, a million.

The parked ones are rows as the engine itself leaves them (row, node run, log), made by copying one that it
has parked. Each size is measured by a process of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from datetime import timedelta

import psutil

from bench.inside import call, executing, keep, prepare, publish, quantile, sql, table, until
from executions import database, operations
from executions.executor.claiming import claims
from executions.executor.claiming.loop import SESSION
from executions.models import Event, Execution, NodeRun

SIZES = (0, 10_000, 100_000, 1_000_000)
HEADS = {
    "claim": "claim of one that is due, p50",
    "claim p95": "p95",
    "due": "when is the next due? p50",
    "wakes": "parked one wakes up after it is due, p50",
    "wakes p95": "p95",
    "alone": "one step alone, p50",
    "memory": "executor's memory",
}


def main() -> None:
    options = arguments()
    if options.inside:
        print(json.dumps(measure(options.count)))
        return
    prepare()
    publish("one", call("a", n=1))
    for name, days in (("nap", 30), ("short", 0)):
        sleep = {"seconds": days * 86_400 or 1.5}
        publish(name, {"id": "sleep", "type": "delay", "config": sleep, "next": "a"}, call("a", n=1))
    with executing():
        operations.start("nap", execution_id="parked-0")
        until(lambda: Execution.objects.filter(pk="parked-0", status="waiting", leased_by=None).exists())
    found = {}
    for size in (size for size in SIZES if size <= options.most):
        park(size)
        found[size] = inside(options.count)
        print(f"{size:,} parked: {found[size]}", file=sys.stderr, flush=True)
    rows = [[f"{size:,}", *(told(name, figures[name]) for name in HEADS)] for size, figures in found.items()]
    print(table(["parked", *HEADS.values()], rows))
    keep(options.keep, found)


def told(name: str, figure: float) -> str:
    return f"{figure:.0f} MB" if name == "memory" else f"{figure:.2f} ms"


def park(size: int) -> None:
    """Copies of the one that the engine has parked, due in 20 to 40 days, until there are so many."""
    known = Execution.objects.filter(pk__startswith="parked-").count()
    for first in range(known, size + 1, 50_000):
        last = min(size, first + 49_999)
        for model, key in ((Execution, "id"), (NodeRun, "execution_id"), (Event, "execution_id")):
            copy(model, key, first, last)
    sql("VACUUM ANALYZE")
    for model, key in ((Execution, "id"), (NodeRun, "execution_id"), (Event, "execution_id")):
        name = model._meta.db_table
        ours = f"count(*) FILTER (WHERE {key} = 'parked-0')"
        [(each, rows)] = sql(f"SELECT {ours}, count(*) FROM {name} WHERE {key} LIKE 'parked-%'")
        assert each and rows == each * (size + 1), f"{name}: {rows}, not {size + 1} x {each}"


def copy(model: type[Execution] | type[NodeRun] | type[Event], key: str, first: int, last: int) -> None:
    made = {key: "'parked-' || n"}
    if model is not Event:
        made["available_at"] = "now() + interval '20 days' + random() * interval '20 days'"
    columns = [field.column for field in model._meta.fields if field.column != "id" or key == "id"]
    values = ", ".join(made.get(column, f't."{column}"') for column in columns)
    names = ", ".join(f'"{column}"' for column in columns)
    name = model._meta.db_table
    sql(
        f"INSERT INTO {name} ({names}) SELECT {values} FROM {name} t, generate_series({first}, {last}) AS n"
        f" WHERE t.{key} = 'parked-0' AND n > 0"
    )


def inside(count: int) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.scenarios.parked", "--inside", "--count", str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def measure(count: int) -> dict[str, float]:
    """In milliseconds, and MB."""
    claimed, due = asyncio.run(statements(count))
    with executing():
        alone = [one() for _ in range(count + 20)][20:]
        ids = [operations.start("short").id for _ in range(count)]
        ended = Execution.objects.filter(pk__in=ids, status="completed")
        until(lambda: ended.count() == count)
        memory = psutil.Process().memory_info().rss / (1 << 20)
    slept = NodeRun.objects.filter(execution__in=ids, node_id="sleep").values_list("started_at", "ended_at")
    late = [(end - begin - timedelta(seconds=1.5)).total_seconds() for begin, end in slept]
    times = {"claim": claimed, "due": due, "wakes": late, "alone": alone}
    figures = {name: 1000 * quantile(found, 0.5) for name, found in times.items()}
    figures |= {f"{name} p95": 1000 * quantile(found, 0.95) for name, found in times.items()}
    return {**figures, "memory": memory}


async def statements(count: int) -> tuple[list[float], list[float]]:
    """The executor's own, on a connection like its own: of one that is due among all that are parked."""
    claimed, due = [], []
    rows = Execution._meta.db_table
    async with await database.aconnect("bench", SESSION) as connection:
        for _ in range(count):
            await connection.execute(f"UPDATE {rows} SET available_at = now() WHERE id = 'parked-0'")
            began = time.perf_counter()
            found = await claims.claim(connection, "bench", 200, claims.Served())
            claimed.append(time.perf_counter() - began)
            assert [row.id for row in found] == ["parked-0"]
            away = "leased_by = NULL, available_at = now() + interval '30 days'"
            await connection.execute(f"UPDATE {rows} SET {away} WHERE id = 'parked-0'")
            began = time.perf_counter()
            await claims.next_due(connection, claims.Served())
            due.append(time.perf_counter() - began)
    return claimed, due


def one() -> float:
    began = time.perf_counter()
    execution_id = operations.start("one").id
    until(lambda: Execution.objects.filter(pk=execution_id, status="completed").exists(), 0.0005)
    return time.perf_counter() - began


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench parked", description=__doc__)
    parser.add_argument("--most", type=int, default=SIZES[-1], help="the largest number to park")
    parser.add_argument("--count", type=int, default=100, help="of each measurement")
    parser.add_argument("--keep", default="", help="a file for the figures, as JSON; see bench.plots")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
