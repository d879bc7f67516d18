"""A small tenant beside a large one with 100,000 executions queued on one concurrency key.

The small one's executions come at a steady pace; each is measured from its commit to its committed end. First
alone, then beside the large tenant, in one process with one executor. At last without room: the large tenant
may use more places than the executor has.
"""

from __future__ import annotations

import argparse
import time

from bench.inside import call, executing, prepare, publish, quantile, sql, table
from executions import intake, operations
from executions.models import Execution

KEYED = {"concurrency": {"limit": 10, "key": "input.tenant"}}
GREEDY = {"concurrency": {"limit": 1000, "key": "input.tenant"}}
SECONDS = 0.02
ROOM = 50


def main() -> None:
    options = arguments()
    prepare()
    for name, limits in (("fair", KEYED), ("greedy", GREEDY)):
        publish(name, call("a", "bench.work", seconds=SECONDS), limits=limits)
    rows = [row("alone", *pace("fair", options.count))]
    queue("fair", options.queued)
    rows.append(row(f"beside {options.queued:,} on one key", *pace("fair", options.count)))
    sql(f"DELETE FROM {Execution._meta.db_table} WHERE ended_at IS NULL")
    queue("greedy", options.queued)
    rows.append(row(f"beside {options.queued:,} that fill the executor", *pace("greedy", options.count)))
    heads = ["the small tenant", "p50", "p95", "the large one's, a second"]
    print(table(heads, rows))


def row(title: str, times: list[float], rate: float) -> list[str]:
    return [title, *(f"{1000 * quantile(times, part):.1f} ms" for part in (0.5, 0.95)), f"{rate:.0f}"]


def pace(workflow: str, count: int) -> tuple[list[float], float]:
    """The small tenant's times from start to end, and how many of the large one ended in a second."""
    large = Execution.objects.filter(input__tenant="large", status="completed")
    with executing(ROOM):
        for _ in range(20):
            one(workflow)
        ended, began = large.count(), time.perf_counter()
        ids = [one(workflow) for _ in range(count)]
        rate = (large.count() - ended) / (time.perf_counter() - began)
        small = Execution.objects.filter(pk__in=ids, status="completed")
        deadline = time.monotonic() + 60
        while small.count() < count:
            assert time.monotonic() < deadline, "the small tenant starves"
            time.sleep(0.05)
    spans = small.values_list("queued_at", "ended_at")
    return [(end - begin).total_seconds() for begin, end in spans if end is not None], rate


def one(workflow: str) -> str:
    """Ten a second."""
    execution_id = operations.start(workflow, input={"tenant": "small"}).id
    time.sleep(0.1)
    return execution_id


def queue(workflow: str, count: int) -> None:
    """As so many starts would have: copies of one in its lane, with the log's first event."""
    first = operations.start(workflow, input={"tenant": "large"}, execution_id=f"{workflow}-0").id
    lane = intake.prepare(workflow, input={"tenant": "large"}).lane
    for name, key in ((Execution._meta.db_table, "id"), ("c4c_executions_event", "execution_id")):
        found = sql("SELECT column_name FROM information_schema.columns WHERE table_name = %s", name)
        columns = [column for (column,) in found if column != "id" or key == "id"]
        values = ", ".join(f"'{workflow}-' || n" if column == key else f't."{column}"' for column in columns)
        names = ", ".join(f'"{column}"' for column in columns)
        sql(
            f"INSERT INTO {name} ({names}) SELECT {values} FROM {name} t,"
            f" generate_series(1, {count - 1}) AS n WHERE t.{key} = '{first}'"
        )
    sql("VACUUM ANALYZE")
    assert Execution.objects.filter(lane=lane, status="queued", admitted_at=None).count() == count


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench tenants", description=__doc__)
    parser.add_argument("--queued", type=int, default=100_000, help="executions of the large tenant")
    parser.add_argument("--count", type=int, default=200, help="executions of the small tenant, each time")
    return parser.parse_args()


if __name__ == "__main__":
    main()
