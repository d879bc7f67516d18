"""A bulk operation whose workers are killed in the middle does each execution exactly once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter

from executions.models import BulkOperation, Execution
from executions.operations import bulk
from tests import database
from tests.api import stored
from tests.durability.conftest import StartWorker, all_ended, until

MANY = 170


def killed(nth: int) -> None:
    """A process that does the operation and is killed over its nth execution."""
    command = [sys.executable, "-m", "tests.durability.bulk_worker", str(nth)]
    environment = {**os.environ, "DATABASE_URL": database.url()}
    assert subprocess.run(command, env=environment, check=False).returncode == -signal.SIGKILL


def test_a_retry_of_many_makes_exactly_one_new_execution_each(worker: StartWorker) -> None:
    failed = [stored.execution("failed").id for _ in range(MANY)]
    begun = bulk.begin("retry", filter={"status": "failed"})
    for nth in (1, 50, 51, 77):
        killed(nth)
    applied = BulkOperation.objects.get().applied
    assert 0 < applied < MANY and applied % bulk.PAGE == 0, "whole pages, and nothing half"
    assert Execution.objects.filter(retry_of__isnull=False).count() == applied
    worker()
    worker()
    until(lambda: BulkOperation.objects.get().status == "completed", "the operation ends")
    begun.refresh_from_db()
    assert (begun.applied, begun.refused, begun.problems) == (MANY, 0, [])
    retried = Counter(Execution.objects.filter(retry_of__isnull=False).values_list("retry_of", flat=True))
    assert retried == Counter(failed), "exactly one each"
    until(all_ended, "every new execution ends")
    made = Execution.objects.filter(retry_of__isnull=False)
    assert set(made.values_list("status", flat=True)) == {"completed"}
