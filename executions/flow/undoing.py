"""Compensation: where an execution does not complete, what has completed is undone, the last first."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from executions.flow import runs
from executions.flow.moves import move
from executions.flow.plan import Plan
from executions.flow.state import Ending, Flow, Frame, Run
from executions.states import EventType, ExecutionStatus, NodeStatus

LINE = -1
"""The branch number of lines that undo."""


def is_asked(ending: Ending) -> bool:
    return ending.status is not ExecutionStatus.COMPLETED and not ending.force


def begin_next(flow: Flow, plan: Plan) -> bool:
    """Start what undoes the last completed run that is not undone yet. False: there is none."""
    done = {frame.undoes.index for frame in flow.undoing if frame.undoes is not None}
    left = [run for run in flow.runs if _can_be_undone(run) and run.index not in done]
    if not left:
        return False
    _undo(flow, plan, max(left, key=_when(plan)))
    return True


def line(flow: Flow, undone: Run) -> Frame:
    """It has in reach what the execution had, why it ends, and what the run gave."""
    node_id = undone.node.compensate or ""
    frame = Frame(dict(flow.root.vars), node_id, branch=LINE, item=undone.output, undoes=undone)
    if flow.ending is not None:
        reason = {"name": flow.ending.status.value, "message": flow.ending.why}
        frame.error = flow.ending.error or reason
    return frame


def failures(flow: Flow) -> list[str]:
    """The nodes that could not be undone."""
    return [
        frame.undoes.node.id
        for frame in flow.undoing
        if frame.undoes is not None and frame.outcome is NodeStatus.FAILED
    ]


def _undo(flow: Flow, plan: Plan, undone: Run) -> None:
    if flow.status in (ExecutionStatus.WAITING, ExecutionStatus.PAUSED):
        move(flow, plan, "resume", timestamp=plan.ms, reason="undoing")  # its deadline passed as it rested
    frame = line(flow, undone)
    flow.undoing.append(frame)
    run = Run(len(flow.runs), flow.definition.nodes[frame.first], frame, undone.index)
    flow.runs.append(run)
    frame.run = run
    runs.start(flow, plan, run)


def _can_be_undone(run: Run) -> bool:
    """What was adopted belongs to another execution, which may well stand."""
    is_own = run.adopted_from is None
    return is_own and run.status is NodeStatus.COMPLETED and run.node.compensate is not None


def _when(plan: Plan) -> Callable[[Run], tuple[float, int]]:
    """The order in which runs completed; what completes in this very step has no number yet."""
    now = [fact.run.index for fact in plan.facts if fact.type is EventType.NODE_COMPLETED and fact.run]

    def when(run: Run) -> tuple[float, int]:
        return (inf, now.index(run.index)) if run.ended_seq is None else (run.ended_seq, 0)

    return when
