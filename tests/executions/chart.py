"""``docs/state-machine.md``, from the tables. To write it anew: ``python -m tests.executions.chart``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from executions.states import (
    EXECUTION_MOVES,
    NODE_MOVES,
    NODE_TERMINAL,
    TERMINAL,
    ExecutionStatus,
    Move,
    NodeStatus,
)

PAGE = Path(__file__).resolve().parents[2] / "docs" / "state-machine.md"

TEXT = """# How an execution and its node runs move

Written from the tables in `executions/states.py` (`python -m tests.executions.chart`); a test compares.

Only the executor that holds an execution's lease moves it. What people ask for (cancel, pause, resume) goes
into the execution's inbox, and its holder acts on it. Each move is written together with the event that tells
of it, in one transaction; `executions/flow/moves.py` is the one place that makes them, and refuses what is
not here. Terminal is final: retry and rerun are new executions. A retry brings along runs that have ended
already (`adopted: true` in their event) and scopes that are open again.

## Executions

```mermaid
{execution_chart}
```

{execution_table}

What waits for its turn under a limit goes from paused back to queued when it is resumed (`workflow.resumed`).

## Node runs

```mermaid
{node_chart}
```

{node_table}

An attempt begins with `node.started` and ends with exactly one of `node.completed`, `node.failed`,
`node.retrying`, `node.lost` and `node.cancelled`. A run that is cancelled before its first attempt, or
between two, is told by a `node.cancelled` without `attempt`.
"""


def page() -> str:
    return TEXT.format(
        execution_chart=chart(EXECUTION_MOVES, ExecutionStatus.QUEUED, TERMINAL),
        execution_table=table(EXECUTION_MOVES, ExecutionStatus),
        node_chart=chart(NODE_MOVES, NodeStatus.PENDING, NODE_TERMINAL),
        node_table=table(NODE_MOVES, NodeStatus),
    )


def chart(
    moves: Mapping[str, Move], first: str, terminal: frozenset[ExecutionStatus] | frozenset[NodeStatus]
) -> str:
    lines = ["stateDiagram-v2", f"    [*] --> {first}"]
    for name, move in moves.items():
        lines += [f"    {source} --> {move.target}: {name}" for source in sorted(move.sources)]
    return "\n".join([*lines, *(f"    {status} --> [*]" for status in sorted(terminal))])


def table(moves: Mapping[str, Move], statuses: type[ExecutionStatus] | type[NodeStatus]) -> str:
    """The sources in the order of the statuses."""
    lines = ["| move | from | to | event | when |", "|---|---|---|---|---|"]
    for name, move in moves.items():
        sources = ", ".join(status for status in statuses if status in move.sources)
        lines.append(f"| {name} | {sources} | {move.target} | `{move.event}` | {move.when} |")
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page())
