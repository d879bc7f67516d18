"""How long executions stand still after ``kill -9`` of their worker, with the product's defaults."""

from __future__ import annotations

import argparse
import subprocess
import sys

from bench.inside import call, prepare, publish, quantile, sql, table, until
from executions import operations
from executions.models import Execution, Executor, NodeRun

STAYED = """
SELECT extract(epoch FROM v.at - %s)::float8 FROM c4c_executions_event v
WHERE v.type = 'node.started' AND (v.data->>'attempt')::int > 1 AND v.at > %s
"""


def main() -> None:
    options = arguments()
    prepare()
    publish("held", call("hold", "bench.hold", seconds=100))
    stood: list[float] = []
    workers = [begin()]
    until(lambda: Executor.objects.count() == 1)
    for _ in range(options.kills):
        stood += one_kill(workers, options.executions)
    for each in workers:
        each.kill()
        each.wait()
    assert Execution.objects.filter(status="completed").count() == options.kills * options.executions
    assert NodeRun.objects.filter(attempt=2).count() == len(stood) == options.kills * options.executions
    figures = [f"{quantile(stood, part):.2f} s" for part in (0.05, 0.5, 0.95)]
    figures = [f"{min(stood):.2f} s", *figures, f"{max(stood):.2f} s"]
    rows = [[f"{options.kills} kills, {options.executions} executions each", *figures]]
    print(table(["from the kill to the next attempt", "least", "p5", "p50", "p95", "most"], rows))


def one_kill(workers: list[subprocess.Popen[bytes]], executions: int) -> list[float]:
    """All executions run in the one worker, a second one is there; the first is killed."""
    ids = [operations.start("held").id for _ in range(executions)]
    until(lambda: NodeRun.objects.filter(execution__in=ids, status="running").count() == executions)
    workers.append(begin())
    until(lambda: Executor.objects.count() == 2)
    first = workers.pop(0)
    [(killed_at,)] = sql("SELECT clock_timestamp()")
    first.kill()
    first.wait()
    until(lambda: Execution.objects.filter(pk__in=ids, status="completed").count() == executions)
    return [row[0] for row in sql(STAYED, killed_at, killed_at)]


def begin() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "bench.worker"], stderr=subprocess.DEVNULL)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench takeover", description=__doc__)
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--executions", type=int, default=20, help="held by the worker that is killed")
    return parser.parse_args()


if __name__ == "__main__":
    main()
