"""Executions alone, one after the other: a sub-workflow, a signal, an event, an item of flow control."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from bench.inside import call, executing, prepare, publish, quantile, table, until
from executions import operations
from executions.executor import Executor
from executions.models import Execution, NodeRun


def main() -> None:
    options = arguments()
    prepare()
    publish("one", call("a", n=1))
    publish("parent", {"id": "below", "type": "subworkflow", "config": {"workflowId": "one"}})
    publish("signalled", {"id": "wait", "type": "wait", "config": {"signal": "go"}})
    told = {"id": "wait", "type": "wait", "config": {"event": "go"}, "key": "execution.id"}
    publish("told", told)
    publish("limited", call("a", n=1), limits={"concurrency": {"limit": 5}})
    ways: dict[str, Callable[[], float]] = {
        "one step": lambda: whole("one"),
        "one step under a concurrency limit": lambda: whole("limited"),
        "a sub-workflow of one step": lambda: whole("parent"),
        "from a signal to the end": lambda: answer("signalled", lambda id: operations.signal(id, "go")),
        "from an event to the end": lambda: answer("told", lambda id: operations.emit("go", key=id)),
    }
    rows = []
    with executing() as executor:
        for name, way in ways.items():
            times = [way() for _ in range(options.count + 20)][20:]
            rows.append([name, *(f"{1000 * quantile(times, part):.1f} ms" for part in (0.5, 0.95))])
        until(lambda: idle(executor))
    count = (options.count + 20) * (len(ways) + 1)
    assert Execution.objects.filter(status="completed").count() == count
    print(table(["alone, stored by a plain start", "p50", "p95"], rows))


def whole(workflow: str) -> float:
    began = time.perf_counter()
    execution_id = operations.start(workflow).id
    ends(execution_id)
    return time.perf_counter() - began


def answer(workflow: str, say: Callable[[str], object]) -> float:
    execution_id = operations.start(workflow).id
    until(lambda: NodeRun.objects.filter(execution=execution_id, status="waiting").exists(), 0.001)
    until(lambda: Execution.objects.filter(pk=execution_id, leased_by=None).exists(), 0.001)
    began = time.perf_counter()
    say(execution_id)
    ends(execution_id)
    return time.perf_counter() - began


def ends(execution_id: str) -> None:
    until(lambda: Execution.objects.filter(pk=execution_id, ended_at__isnull=False).exists(), 0.0005)


def idle(executor: Executor) -> bool:
    return not executor.drivers


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench calls", description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="of each")
    return parser.parse_args()


if __name__ == "__main__":
    main()
