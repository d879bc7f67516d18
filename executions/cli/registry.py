"""Every subcommand of the three apps. A new one is a module beside these and a line here."""

from __future__ import annotations

from executions.cli import (
    approvals,
    bulk,
    exec,
    executions,
    procedures,
    queues,
    serve,
    words,
    worker,
    workflows,
)
from executions.cli.frame import Subcommand

SUBCOMMANDS: tuple[Subcommand, ...] = (
    serve.SERVE,
    worker.WORKER,
    exec.EXEC,
    procedures.PROCEDURES,
    workflows.WORKFLOWS,
    executions.EXECUTIONS,
    words.SIGNAL,
    words.EMIT,
    approvals.APPROVALS,
    approvals.APPROVE,
    approvals.REFUSE,
    words.RERUN,
    words.TERMINATE,
    bulk.BULK,
    queues.QUEUES,
)
