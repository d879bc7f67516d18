"""Workers die and stall, connections drop, the database is stopped at once, clocks are wrong: nobody notices.

``CHAOS_KILLS=200 pytest tests/chaos`` is the long form; ``CHAOS_SEED`` draws another storm.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from pytest_django import DjangoDbBlocker

from c4c_site.postgres.server import Server
from executions.models import Event, Execution
from tests.chaos.storm import WORKERS, Storm
from tests.durability.history import check
from tests.durability.servers import own_server

KILLS = int(os.environ.get("CHAOS_KILLS", "15"))
SEED = int(os.environ.get("CHAOS_SEED", "1"))


@pytest.fixture
def server(django_db_blocker: DjangoDbBlocker) -> Iterator[Server]:
    with django_db_blocker.unblock(), own_server() as made:
        yield made


@pytest.mark.timeout(240 + 10 * KILLS)
def test_whatever_breaks_every_execution_ends_as_if_nothing_had(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    began = time.monotonic()
    storm = Storm(server, SEED)
    try:
        storm.rage(KILLS)
        storm.calm_down()
    finally:
        storm.close()
    assert storm.done["stillbirth"] <= WORKERS * (storm.done["stop_server"] + storm.done["cut_off"])
    check(storm.begun)
    for execution in Execution.objects.filter(pk__in=storm.begun):
        story = storm.begun[execution.id]
        assert execution.status == story.status, f"{execution.id}: {execution.error}"
        assert execution.result == story.result, execution.id
    with capsys.disabled():
        print(f"\nseed {SEED}: {told(storm)}, in {time.monotonic() - began:.0f} s")


def told(storm: Storm) -> str:
    acts = ", ".join(f"{count} x {act}" for act, count in storm.done.most_common())
    lost = Event.objects.filter(type="node.lost").count()
    statuses = Counter(Execution.objects.values_list("status", flat=True))
    ended = ", ".join(f"{count} {status}" for status, count in statuses.most_common())
    events = Event.objects.count()
    return f"{acts}; {Execution.objects.count()} executions ({ended}), {events} events, {lost} attempts lost"
