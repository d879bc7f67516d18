from datetime import datetime, timedelta
from typing import Any

from executions.flow.kinds.verdict import Done, Park
from executions.flow.state import Flow, Run
from executions.moments import iso
from workflows.definition import DelayNode
from workflows.expressions import ExpressionError
from workflows.kinds.delay import LONGEST


def start(flow: Flow, run: Run, now: datetime) -> Done | Park:
    """Sleep for ``seconds``, or until a time (ISO 8601), in the database rather than in memory."""
    until = due(flow, run, now)
    return Park(until, f"sleeping until {iso(until)}") if until > now else resume(flow, run, now)


def resume(flow: Flow, run: Run, now: datetime) -> Done:
    """Over: tell when it began and ended."""
    began = run.started_at or now
    output = {
        "delayed": True,
        "seconds": round((now - began).total_seconds(), 3),
        "startTime": iso(began),
        "endTime": iso(now),
    }
    return Done(output, run.node.next)


def due(flow: Flow, run: Run, now: datetime) -> datetime:
    """Never before ``now``."""
    node, scope = run.node, flow.scope_of(run.frame)
    assert isinstance(node, DelayNode)
    if node.seconds is not None:
        return now + timedelta(seconds=_seconds(node.seconds.resolve(scope)))
    assert node.until is not None
    until = _moment(node.until.resolve(scope))
    if until > now + timedelta(seconds=LONGEST):
        raise ExpressionError(f"until: {until.isoformat()} is more than a hundred years away")
    return max(until, now)


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LONGEST:
        raise ExpressionError(f"seconds: expected a number from 0 to a hundred years, got {value!r}")
    return value


def _moment(value: Any) -> datetime:
    try:
        found = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise ExpressionError(f"until: expected a time such as 2026-01-31T12:00:00Z, got {value!r}") from None
    if found.tzinfo is None:
        raise ExpressionError(f"until: the time {value!r} has no zone; write it with Z or an offset")
    return found
