"""Every subcommand of the three apps. A new one is a module beside these and a line here."""

from __future__ import annotations

from executions.cli import exec, executions, procedures, serve, worker, workflows
from executions.cli.frame import Subcommand

SUBCOMMANDS: tuple[Subcommand, ...] = (
    serve.SERVE,
    worker.WORKER,
    exec.EXEC,
    procedures.PROCEDURES,
    workflows.WORKFLOWS,
    executions.EXECUTIONS,
)
