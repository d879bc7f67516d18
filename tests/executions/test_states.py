"""The tables of moves, and that they are what the rules do: no more, no less."""

from __future__ import annotations

from random import Random

import pytest

from executions.flow import advance
from executions.flow.moves import IllegalMove, move_run
from executions.flow.outcomes import Stopped
from executions.flow.plan import Plan
from executions.flow.state import Ending
from executions.states import (
    EXECUTION_MOVES,
    NODE_MOVES,
    EventType,
    ExecutionStatus,
    Move,
    NodeStatus,
)
from tests.executions.build import Small, delay, step
from tests.executions.chaos import Chaos
from tests.executions.chart import PAGE, page
from tests.executions.graphs import Maker

ALL = [*EXECUTION_MOVES.values(), *NODE_MOVES.values()]
LATER = {(EventType.NODE_SKIPPED, NodeStatus.PENDING)}
"""Dag nodes are to make it."""


def test_terminal_is_final() -> None:
    for move in ALL:
        assert not any(source.is_terminal for source in move.sources)  # type: ignore[attr-defined]


def test_every_status_can_be_reached_and_every_other_left() -> None:
    for statuses, moves, first in (
        (ExecutionStatus, EXECUTION_MOVES, ExecutionStatus.QUEUED),
        (NodeStatus, NODE_MOVES, NodeStatus.PENDING),
    ):
        assert {first, *(move.target for move in moves.values())} == set(statuses)
        left = {source for move in moves.values() for source in move.sources}
        assert left == {status for status in statuses if not status.is_terminal}


def test_every_move_has_an_event_of_its_own_and_every_event_is_told() -> None:
    events = [move.event for move in ALL]
    assert len(events) == len(set(events)), "an event tells one move"
    assert set(EventType) - set(events) == {EventType.WORKFLOW_QUEUED, EventType.NODE_PROGRESS}


def test_an_event_is_terminal_where_it_ends_an_execution() -> None:
    for move in EXECUTION_MOVES.values():
        assert move.event.is_terminal == move.target.is_terminal  # type: ignore[attr-defined]


def test_the_rules_make_every_move_of_the_tables_and_no_other() -> None:
    """The journal of these worlds refuses any other; here the tables are found to have none too many."""
    made = _made_by_chance() | _made_where_rows_cannot_be_stored()
    assert _pairs(*ALL) - made == LATER


def test_a_move_that_is_not_in_the_table_is_refused() -> None:
    world = Small(step("a"))
    with pytest.raises(IllegalMove, match="retry from pending"):
        run = world.flow.runs[0]
        run.status = NodeStatus.PENDING
        move_run(Plan(world.now), run, "retry")


def test_the_page_about_the_state_machine_says_what_the_tables_say() -> None:
    assert PAGE.read_text() == page()


def _pairs(*moves: Move) -> set[tuple[str, str]]:
    return {(str(move.event), str(source)) for move in moves for source in move.sources}


def _made_by_chance() -> set[tuple[str, str]]:
    made: set[tuple[str, str]] = set()
    for seed in range(400):
        random = Random(seed)
        world = Chaos(Maker(random, racy=True, telling=True).story(), random, may_cancel=True)
        world.run()
        made |= world.rows.moves
    return made


def _made_where_rows_cannot_be_stored() -> set[tuple[str, str]]:
    waiting = Small(delay("d", 10))
    paused = Small(delay("d", 10))
    paused.command("pause")
    cancelling = Small(step("a"))
    cancelling.command("cancel")
    worlds = [Small(step("a"), begin=False), Small(step("a")), waiting, paused, cancelling]
    for world in worlds:
        _fail(world)
        assert world.rows.status == ExecutionStatus.FAILED
        assert world.rows.error == {"name": "Unstorable", "message": "as told"}
    return {pair for world in worlds for pair in world.rows.moves}


def _fail(world: Small) -> None:
    ending = Ending(ExecutionStatus.FAILED, {"name": "Unstorable", "message": "as told"})
    world.step(lambda plan: advance.finish(world.flow, plan, ending))
    for node_id in world.in_flight:
        world.ends(node_id, outcome=Stopped())
