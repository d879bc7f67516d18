"""A map of 10,000 items in one execution; beside it DBOS doing as many steps in one workflow."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

import psutil

from bench.inside import call, executing, prepare, publish, table, until
from executions import operations
from executions.models import Event, Execution, NodeRun

AT_ONCE = 100


def main() -> None:
    options = arguments()
    prepare()
    config = {"items": "input.items", "branch": "a", "concurrency": AT_ONCE}
    each = {"id": "each", "type": "map", "config": config}
    limits = {"nodeRuns": options.most + 10}
    outputs = {"last": "${{ nodes.each.output.results[input.last] }}"}
    publish("map", each, call("a", n="${{ item }}"), limits=limits, outputs=outputs)
    rows = []
    with executing():
        one_map(10)
        for count in sorted({options.most // 100, options.most // 10, options.most}):
            seconds, grown = one_map(count)
            rows.append(
                [f"c4c, {count:,} items", f"{seconds:.1f} s", f"{count / seconds:,.0f}", f"{grown:.0f} MB"]
            )
    for way in [] if options.only else ["gather", "queue"]:
        rows.append(beside(way, options.most))
    print(table(["what", "time", "a second", "more memory at the end"], rows))


def one_map(count: int) -> tuple[float, float]:
    """Seconds from the start's commit to the committed end, and MB that the process has grown by."""
    before = psutil.Process().memory_info().rss
    given = {"items": list(range(count)), "last": count - 1}
    execution_id = operations.start("map", input=given).id
    until(lambda: Execution.objects.filter(pk=execution_id, ended_at__isnull=False).exists())
    execution = Execution.objects.get(pk=execution_id)
    assert (execution.status, execution.result) == ("completed", {"last": count})
    runs = NodeRun.objects.filter(execution=execution_id, node_id="a", status="completed")
    assert runs.exclude(output=None).count() == count
    assert Event.objects.filter(execution=execution_id, type="node.completed").count() == count + 1
    assert execution.ended_at is not None
    grown = (psutil.Process().memory_info().rss - before) / (1 << 20)
    return (execution.ended_at - execution.queued_at).total_seconds(), grown


def beside(way: str, count: int) -> list[str]:
    """DBOS, in a process of its own."""
    command = [sys.executable, "-m", "bench.dbos_map", way, str(count), str(AT_ONCE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ, timeout=600)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    seconds, grown = map(float, done.stdout.split()[-2:])
    told = {"gather": "steps of one async workflow", "queue": "workflows of one step on a queue"}[way]
    return [f"DBOS, {count:,} {told}", f"{seconds:.1f} s", f"{count / seconds:,.0f}", f"{grown:.0f} MB"]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench map", description=__doc__)
    parser.add_argument("--most", type=int, default=10_000, help="items of the largest map")
    parser.add_argument("--only", action="store_true", help="leave DBOS out")
    return parser.parse_args()


if __name__ == "__main__":
    main()
