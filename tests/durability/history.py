"""What must be true of every history, whatever was killed while it was made."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from django.db.models import Count, Sum

from executions.models import Event, Execution, NodeRun, StatusCount
from executions.states import EventType
from tests.scripted.models import Call

ENDS = frozenset({"node.completed", "node.failed", "node.retrying", "node.lost", "node.cancelled"})


def check(acknowledged: Iterable[str]) -> None:
    """Every acknowledged start has ended, and every log is whole."""
    executions = {execution.id: execution for execution in Execution.objects.all()}
    for execution_id in acknowledged:
        assert executions[execution_id].ended_at is not None, f"{execution_id} has not ended"
    logs: dict[str, list[Event]] = defaultdict(list)
    for event in Event.objects.order_by("execution_id", "seq"):
        logs[event.execution_id].append(event)
    for execution_id, execution in executions.items():
        check_log(execution, logs[execution_id])
    check_counts()
    check_calls()
    completed = NodeRun.objects.filter(status="completed").values_list("execution_id", "index")
    told = Event.objects.filter(type="node.completed").values_list("execution_id", "data__nodeIndex")
    assert Counter(completed) == Counter(told), "rows and log differ about what completed"


def check_log(execution: Execution, log: list[Event]) -> None:
    assert [event.seq for event in log] == list(range(1, execution.last_seq + 1)), f"{execution.id}: a gap"
    ends = [event.seq for event in log if EventType(event.type).is_terminal]
    assert ends == ([execution.last_seq] if execution.ended_at else []), f"{execution.id}: its end"
    open_attempts: set[tuple[int, int]] = set()
    completed: set[int] = set()
    for event in log:
        if "nodeIndex" not in event.data:
            continue
        index = event.data["nodeIndex"]
        attempt = (index, event.data["attempt"])
        if event.type == EventType.NODE_STARTED:
            assert attempt not in open_attempts and index not in completed, f"{execution.id}: {attempt} again"
            open_attempts.add(attempt)
        elif event.type in ENDS and not (
            event.type == EventType.NODE_CANCELLED and attempt not in open_attempts
        ):
            assert attempt in open_attempts or _parked(log, attempt), (
                f"{execution.id}: {attempt} ends unbegun"
            )
            open_attempts.discard(attempt)
            completed |= {index} if event.type == EventType.NODE_COMPLETED else set()
    if execution.ended_at:
        assert not open_attempts, f"{execution.id}: {open_attempts} never ended"


def check_calls() -> None:
    """An attempt enters user code at most once."""
    again = Call.objects.values("run", "attempt").annotate(n=Count("id")).filter(n__gt=1)
    assert not again, f"entered twice: {list(again)}"


def check_counts() -> None:
    rows = Counter(Execution.objects.values_list("status", flat=True))
    summed = {
        row["status"]: row["n"] for row in StatusCount.objects.values("status").annotate(n=Sum("delta"))
    }
    assert {status: n for status, n in summed.items() if n} == dict(rows), "the counts and the rows differ"


def _parked(log: list[Event], attempt: tuple[int, int]) -> bool:
    """An attempt told as failed after its last loss has no start of its own."""
    return any(event.type == EventType.NODE_LOST and event.data["nodeIndex"] == attempt[0] for event in log)
