"""What must be true of every history, whatever was killed while it was made."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from django.db import connection
from django.db.models import Count, Sum

from executions.events import run_id
from executions.executor.claiming.lanes import COUNTS
from executions.flow.undoing import LINE
from executions.models import Event, Execution, NodeRun, Slot, StatusCount
from executions.states import NODE_TERMINAL, EventType
from tests.scripted.models import Call, Note
from workflows import library

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
    for agrees in (
        check_counts,
        check_calls,
        check_notes,
        check_runs,
        check_families,
        check_undone,
        check_slots,
    ):
        agrees()
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
    """An attempt enters user code at most once, once its start is told; none after its node completed."""
    again = Call.objects.values("run", "attempt").annotate(n=Count("id")).filter(n__gt=1)
    assert not again, f"entered twice: {[_told_of(each['run'], each['attempt']) for each in again]}"
    started = {
        (data["runId"], data["attempt"])
        for data in Event.objects.filter(type="node.started").values_list("data", flat=True)
    }
    entered = set(Call.objects.values_list("run", "attempt"))
    assert entered <= started, f"entered and not told: {entered - started}"
    last = {
        run_id(execution, index): attempt
        for execution, index, attempt in NodeRun.objects.filter(status="completed").values_list(
            "execution_id", "index", "attempt"
        )
    }
    later = [(run, attempt) for run, attempt in entered if attempt > last.get(run, attempt)]
    assert not later, f"ran again after they had completed: {later}"


def check_notes() -> None:
    """What transactional procedures wrote, to the row: each success wrote one, nothing else wrote any."""
    succeeded = NodeRun.objects.filter(procedure="scripted.write", status="completed", adopted_from=None)
    assert Note.objects.count() == succeeded.count(), "rows and successes of transactional procedures differ"


def check_runs() -> None:
    """Nothing of an execution outlives it."""
    open_runs = NodeRun.objects.exclude(status__in=NODE_TERMINAL).filter(execution__ended_at__isnull=False)
    assert not open_runs.exists(), f"open runs of ended executions: {list(open_runs[:5])}"


def check_families() -> None:
    """Parents and children agree: who was started, by which run, and how it ended."""
    children = {child.id: child for child in Execution.objects.filter(parent__isnull=False)}
    runs = NodeRun.objects.filter(kind="subworkflow").exclude(output=None)
    for run in runs:
        child = children[run.output["executionId"]]
        assert (child.parent_id, child.parent_run) == (run.execution_id, run.index)
        assert child.status == run.output["status"], f"{run} and {child.id} differ about its end"
    began = Counter((child.parent_id, child.parent_run) for child in children.values())
    attempts = {
        (run.execution_id, run.index): run.attempt for run in NodeRun.objects.filter(kind="subworkflow")
    }
    for place, count in began.items():
        assert count <= attempts[place], f"{place} has started {count} in {attempts[place]} attempts"
    for child in children.values():
        assert child.parent is None or child.parent.ended_at is None or child.ended_at is not None, child.id


def check_undone() -> None:
    """Who did not complete has undone what had completed and says how to be undone; who did, nothing."""
    for execution in Execution.objects.terminal().select_related("version"):
        nodes = library.definition(execution.version).nodes
        own = [run for run in execution.node_runs.all() if run.status == "completed"]
        asked = {run.index for run in own if run.branch != LINE and nodes[run.node_id].compensate}
        undone = [run.previous for run in own if run.branch == LINE and run.scope is None]
        expected = set() if execution.status == "completed" else asked
        assert sorted(undone) == sorted(expected), f"{execution.id} has undone {undone} of {asked}"


def check_slots() -> None:
    """Places are taken by those whom a gate let through and who have not ended: by all, and nobody else."""
    let_through = Execution.objects.active().exclude(admitted_at=None)
    expected = {
        (each.id, limit["key"]) for each in let_through for limit in each.gate or [] if "seconds" not in limit
    }
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT execution_id, key FROM {Slot._meta.db_table} s WHERE until IS NULL AND {COUNTS}"
        )
        assert set(cursor.fetchall()) == expected, "places taken, and who may have them, differ"


def check_counts() -> None:
    rows = Counter(Execution.objects.values_list("status", flat=True))
    summed = {
        row["status"]: row["n"] for row in StatusCount.objects.values("status").annotate(n=Sum("delta"))
    }
    assert {status: n for status, n in summed.items() if n} == dict(rows), "the counts and the rows differ"


def _told_of(run: str, attempt: int) -> str:
    """What the log and user code's own record have of it."""
    calls = [str(at) for at in Call.objects.filter(run=run).values_list("at", flat=True)]
    log = Event.objects.filter(data__runId=run).order_by("seq").values_list("seq", "type", "at", "data")
    told = [f"{seq} {type} {at} {data}" for seq, type, at, data in log]
    return "\n".join([f"{run} attempt {attempt}, calls at {calls}", *told])


def _parked(log: list[Event], attempt: tuple[int, int]) -> bool:
    """An attempt told as failed after its last loss has no start of its own."""
    return any(event.type == EventType.NODE_LOST and event.data["nodeIndex"] == attempt[0] for event in log)


CHECKS = (check_counts, check_calls, check_notes, check_runs, check_families, check_undone, check_slots)
