"""Approvals: a person says yes or no to a node that waits for it."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from executions.errors import Forbidden, InvalidInput, NotWaiting
from executions.events import run_id
from executions.flow.kinds import wait
from executions.models import Command, Execution, NodeRun
from executions.operations.commands import check_payload, put_locked, require
from executions.operations.rows import locked
from executions.operations.transactions import USING, refuse_foreign
from executions.permissions import LOCAL_OPERATOR, may
from executions.queries.approvals import awaiting

DECISIONS = ("approved", "refused")
COMMENT_LENGTH = 2000


def decide(
    execution_id: str,
    node: str | int | None,
    decision: str,
    *,
    comment: str = "",
    payload: Any = None,
    user: Any = LOCAL_OPERATOR,
    actor: str = "",
) -> Execution:
    """Approve or refuse. ``node``: a node's id, a run's id or index; None where only one node waits.

    The payload of an approval must fit the approval's ``form``. Raises ``NotWaiting`` where no approval is
    waited for or one was given already, ``Forbidden`` where it is not ``user``'s to give, ``InvalidInput``.
    """
    refuse_foreign("decide")
    _check(decision, comment, payload)
    with transaction.atomic(using=USING):
        execution = locked(execution_id)
        require(execution, "decide")
        run = _run(execution_id, node)
        if not may(user, "decide", run):
            raise Forbidden(f"The approval of {run.node_id!r} is not yours to give.")
        _refuse_second(run)
        if decision == "approved":
            _check_form(run.input or {}, payload)
        told = {"run": run.index, "decision": decision, "comment": comment, "payload": payload}
        put_locked(execution, Command.Kind.DECIDE, actor or user.get_username(), told)
    return execution


def _check(decision: str, comment: str, payload: Any) -> None:
    problems = []
    if decision not in DECISIONS:
        problems.append({"detail": "decision must be approved or refused", "pointer": "/decision"})
    if not (isinstance(comment, str) and len(comment) <= COMMENT_LENGTH and "\0" not in comment):
        detail = f"comment must be a text of at most {COMMENT_LENGTH} characters"
        problems.append({"detail": detail, "pointer": "/comment"})
    if problems:
        raise InvalidInput(problems)
    check_payload(payload)


def _run(execution_id: str, node: str | int | None) -> NodeRun:
    """The run that is meant, if it waits for an approval."""
    waiting = list(awaiting().filter(execution=execution_id).order_by("index"))
    found = [run for run in waiting if node is None or node in (run.index, run.node_id, _name(run))]
    if len(found) == 1:
        return found[0]
    place = "it" if node is None else f"{node!r}"
    if not found:
        raise NotWaiting(f"{place} does not wait for an approval, or not any more")
    names = ", ".join(_name(run) for run in found)
    raise NotWaiting(f"{place} waits for several approvals; name one of the runs {names}")


def _name(run: NodeRun) -> str:
    return run_id(run.execution_id, run.index)


def _refuse_second(run: NodeRun) -> None:
    """The first decision stands, also while nobody has acted on it."""
    given = Command.objects.filter(
        execution=run.execution_id, kind=Command.Kind.DECIDE, payload__run=run.index, handled_at=None
    )
    if given.exists():
        raise NotWaiting(f"{run.node_id!r} has been decided already")


def _check_form(approval: dict[str, Any], payload: Any) -> None:
    problems = wait.misfits(approval, payload)
    if problems:
        raise InvalidInput([{"detail": p.detail, "pointer": f"/payload{p.pointer}"} for p in problems])
