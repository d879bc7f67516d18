"""``c4c worker``: an executor in a process of its own."""

from __future__ import annotations

import os
import signal
import sys
from argparse import ArgumentParser, Namespace
from types import FrameType

from executions.cli.collecting import relax
from executions.cli.frame import Subcommand
from executions.cli.reading import positive, seconds
from executions.cli.serve import refuse_stale_database
from executions.executor import Executor

DRAIN = 30.0
"""Seconds that attempts in flight are given after the first signal; then their executions are handed over."""
STOPPED_HARD = 1


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "-q",
        "--queue",
        action="append",
        metavar="NAME",
        help="serve this queue, and other named ones; else all",
    )
    parser.add_argument("-c", "--concurrency", type=positive, metavar="N", help="executions driven at once")
    parser.add_argument(
        "--drain", type=seconds, default=DRAIN, metavar="SECONDS", help="for attempts in flight after SIGTERM"
    )


def run(options: Namespace) -> int:
    refuse_stale_database()
    executor = Executor(concurrency=options.concurrency, queues=options.queue)
    _stop_on_signals(executor, options.drain)
    served = f" of {', '.join(executor.served.queues)}" if executor.served.queues else ""
    _say(f"worker {executor.id}: up to {executor.concurrency} executions{served} at once; Ctrl-C stops it")
    relax()
    executor.run()
    _say("worker stopped")
    return 0


def _stop_on_signals(executor: Executor, drain: float) -> None:
    """The first lets attempts in flight end, the second ends all as a crash would: others take over."""
    asked = False

    def stop(signum: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            os._exit(STOPPED_HARD)
        asked = True
        executor.stop(drain)

    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, stop)


def _say(line: str) -> None:
    sys.stderr.write(f"c4c: {line}\n")
    sys.stderr.flush()


WORKER = Subcommand("worker", "drive executions in a process of its own", add_arguments, run)
