"""Each status has one word, one icon, one colour."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.template.loader import get_template

from executions.states import EventType, ExecutionStatus, NodeStatus
from executions.ui import vocabulary
from executions.ui.vocabulary import UNREACHED

STATUSES = sorted({*ExecutionStatus, *NodeStatus, UNREACHED})


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_has_a_word_and_an_icon(status: str) -> None:
    icons = get_template("c4c/_icons.html").render()

    assert vocabulary.STATUSES[status]
    assert icons.count(f'id="i-{status}"') == 1


def test_no_two_statuses_look_the_same() -> None:
    drawn = re.findall(r'id="i-(\w+)"[^>]*>(.*?)</symbol>', get_template("c4c/_icons.html").render())
    shapes = [shape for name, shape in drawn if name in STATUSES]

    assert len(set(shapes)) == len(STATUSES)


def test_every_event_has_a_sentence() -> None:
    assert vocabulary.EVENTS.keys() == set(EventType)


def test_the_page_tells_the_client_what_each_event_leads_to() -> None:
    told = json.loads(vocabulary.WORDS)

    assert told["events"]["node.started"] == "running"
    assert told["events"]["node.retrying"] == "retrying"
    assert told["events"]["workflow.timed_out"] == "timed_out"
    assert set(told["final"]) == {"completed", "failed", "cancelled", "timed_out"}


def test_script_and_style_stay_within_their_budget() -> None:
    sizes = {name: Path(str(finders.find(f"c4c/{name}"))).stat().st_size for name in ("c4c.js", "c4c.css")}

    assert sum(sizes.values()) <= 44_000, sizes


def test_the_client_repeats_no_word_and_no_rule_of_a_status() -> None:
    script = Path(str(finders.find("c4c/c4c.js"))).read_text()

    words = set(vocabulary.STATUSES.values()) - set(vocabulary.CONNECTION.values())
    assert [word for word in words if f'"{word}"' in script] == []
    assert "node.started" not in script and "workflow.completed" not in script
