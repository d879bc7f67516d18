"""Executions that rest move to a new version while executors work: none is stuck, none runs both."""

from __future__ import annotations

from executions import operations
from executions.models import Event, Execution
from tests.durability.conftest import StartWorker, all_ended, until
from tests.durability.history import check
from tests.executions.build import document, node, scripted
from workflows import library

MANY = 200


def test_two_hundred_that_wait_are_moved_and_all_end_under_the_new_version(worker: StartWorker) -> None:
    ask = node("wait", "ask", "after", config={"signal": "go", "timeout": 3600})
    library.publish(document(ask, scripted("aok", "after"), id="moved"))
    ids = [operations.start("moved").id for _ in range(MANY)]
    worker()
    worker()
    until(lambda: Execution.objects.filter(status="waiting").count() == MANY, "all wait")
    library.publish(
        document(
            {**ask, "next": "before"},
            scripted("aok", "before", "after"),
            scripted("aok", "after"),
            id="moved",
        )
    )
    nap = {"status": "waiting"}
    told = operations.migrate("moved", 2, filter=nap, dry_run=True)
    assert (told.compatible, told.migrated, told.blocked_count) == (MANY, 0, 0)
    for execution_id in ids[: MANY // 4]:
        operations.signal(execution_id, "go")  # some are driven while the others are moved
    moved = blocked = 0
    while Execution.objects.filter(version__number=1, ended_at=None).exists():
        report = operations.migrate("moved", 2)
        moved, blocked = moved + report.migrated, blocked + report.blocked_count
    assert moved >= MANY - MANY // 4
    for execution_id in ids[MANY // 4 :]:
        operations.signal(execution_id, "go")
    until(all_ended, "every execution ends")
    check(ids)
    versions = dict(Execution.objects.values_list("pk", "version__number"))
    assert all(versions[execution_id] == 2 for execution_id in ids[MANY // 4 :])
    for execution_id in ids:
        ran = Event.objects.filter(execution=execution_id, type="node.completed")
        nodes = list(ran.order_by("seq").values_list("data__nodeId", flat=True))
        assert nodes in (["ask", "after"], ["ask", "before", "after"])
        assert versions[execution_id] == 2 or nodes == ["ask", "after"]
    assert set(Execution.objects.values_list("status", flat=True)) == {"completed"}
