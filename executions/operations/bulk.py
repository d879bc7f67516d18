"""One verb for many executions, in the background: it goes on after any crash, each execution at most once.

An executor takes a page of an operation at a time. The page's verbs and the operation's place are one
transaction, so that what a killed executor had begun has never been, and nothing is done twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import orjson
from django.db import InterfaceError, OperationalError, connections, transaction
from django.db.models import Q
from django.db.models.functions import Now

from executions import intake
from executions.errors import BulkNotFound, Forbidden, InvalidInput
from executions.executor.chores import chore
from executions.models import BulkOperation, Execution, ExecutionQuerySet
from executions.operations.again import rerun, retry
from executions.operations.commands import (
    cancel,
    check_name,
    check_payload,
    delete,
    pause,
    resume,
    signal,
    terminate,
)
from executions.operations.transactions import USING, refuse_foreign
from executions.permissions import LOCAL_OPERATOR, LocalOperator, may
from executions.queries.filters import Filters, InvalidFilter

PAGE = 50
MOST_IDS = 10_000
COUNTED = 100_000
"""More executions than that are not counted beforehand."""
PROBLEMS_KEPT = 20
LOCK_TIMEOUT = "2s"
"""For an execution that somebody else holds: it is refused rather than that all wait."""
LOCK_NOT_AVAILABLE = "55P03"

Apply = Callable[[str, dict[str, Any], str], object]
ACTIONS: dict[str, Apply] = {
    "cancel": lambda id, options, who: cancel(id, **options, actor=who),
    "terminate": lambda id, options, who: terminate(id, **options, actor=who),
    "pause": lambda id, options, who: pause(id, actor=who),
    "resume": lambda id, options, who: resume(id, actor=who),
    "signal": lambda id, options, who: signal(id, options["name"], options.get("payload"), actor=who),
    "retry": lambda id, options, who: retry(id, actor=who),
    "rerun": lambda id, options, who: rerun(id, **options, actor=who),
    "delete": lambda id, options, who: delete(id),
}
OPTIONS: dict[str, dict[str, type | tuple[type, ...]]] = {
    "cancel": {"reason": str, "force": bool},
    "terminate": {"reason": str},
    "signal": {"name": str, "payload": object},
    "rerun": {"version": (str, int), "from_node": str},
}
FILTERS = frozenset({"status", "workflowId", "tag", "trigger", "parent", "since", "until", "q"})


def begin(
    action: str,
    *,
    filter: dict[str, Any] | None = None,
    ids: Iterable[str] | None = None,
    options: dict[str, Any] | None = None,
    user: Any = LOCAL_OPERATOR,
    actor: str = "",
) -> BulkOperation:
    """Have ``action`` done to the executions that a list's filters tell, or to these.

    With a filter, executions that are queued or have ended later than now are left out. ``user``: whose
    rights it has, looked at for each execution. Raises ``InvalidInput``, ``InvalidFilter``, ``Forbidden``.
    """
    refuse_foreign("bulk")
    given, named = dict(options or {}), None if ids is None else list(dict.fromkeys(ids))
    total = preview(action, filter=filter, ids=named, options=given, user=user)
    made = BulkOperation.objects.using(USING).create(
        id=intake.new_id().replace("wf_exec", "bulk", 1),
        action=action,
        options=given,
        filter=filter,
        ids=named,
        actor=(actor or user.get_username())[:150],
        user=None if isinstance(user, LocalOperator) else user,
        operator=isinstance(user, LocalOperator),
        total=total,
    )
    made.refresh_from_db(using=USING)
    return made


def preview(
    action: str,
    *,
    filter: dict[str, Any] | None = None,
    ids: Iterable[str] | None = None,
    options: dict[str, Any] | None = None,
    user: Any = LOCAL_OPERATOR,
) -> int | None:
    """How many executions are meant; None: more than ``COUNTED``. Raises as ``begin``."""
    named = None if ids is None else list(dict.fromkeys(ids))
    _check(action, filter, named, options or {})
    if not may(user, action):
        raise Forbidden(f"You may not {action} executions.")
    if named is not None:
        return len(named)
    found = Filters.read(filter or {}).apply(Execution.objects.using(USING))[: COUNTED + 1].count()
    return found if found <= COUNTED else None


def stop(bulk_id: str) -> BulkOperation:
    """Leave the rest as it is. What is done stays done."""
    operations = BulkOperation.objects.using(USING).filter(pk=bulk_id)
    operations.filter(status=BulkOperation.Status.RUNNING).update(
        status=BulkOperation.Status.CANCELLED, ended_at=Now(), updated_at=Now()
    )
    found = operations.first()
    if found is None:
        raise BulkNotFound(bulk_id)
    return found


@chore
def advance() -> bool:
    """A page of the operation that has rested longest, if nobody else is at it. False: there is none."""
    with transaction.atomic(using=USING):
        running = BulkOperation.objects.using(USING).filter(status=BulkOperation.Status.RUNNING)
        operation = (
            running.select_for_update(skip_locked=True, of=("self",)).order_by("updated_at", "id").first()
        )
        if operation is None:
            return False
        with connections[USING].cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        _do_page(operation)
    return True


# What is asked for


def _check(
    action: str, filter: dict[str, Any] | None, ids: list[str] | None, options: dict[str, Any]
) -> None:
    problems = []
    if action not in ACTIONS:
        problems.append(_problem(f"action must be one of {', '.join(ACTIONS)}", "/action"))
    if (filter is None) == (ids is None):
        problems.append(_problem("give either filter or ids", "/filter"))
    if ids is not None and not 1 <= len(ids) <= MOST_IDS:
        problems.append(_problem(f"give 1 to {MOST_IDS} ids; for more, a filter", "/ids"))
    if filter is not None:
        problems += [
            _problem(
                f"there is no filter {name!r}; there are {', '.join(sorted(FILTERS))}", f"/filter/{name}"
            )
            for name in sorted(filter.keys() - FILTERS)
        ]
        if not any(filter.values()):
            problems.append(_problem("a filter must name something; for all, give until: now", "/filter"))
    problems += _option_problems(action, options)
    if problems:
        raise InvalidInput(problems)
    if filter is not None:
        _read(filter)


def _option_problems(action: str, options: dict[str, Any]) -> list[dict[str, str]]:
    known = OPTIONS.get(action, {})
    problems = []
    for name, value in options.items():
        if name not in known:
            problems.append(_problem(f"{action} has no option {name!r}", f"/options/{name}"))
        elif not isinstance(value, known[name]):
            problems.append(_problem(f"{name} is not of the right type", f"/options/{name}"))
    if action == "signal" and not problems:
        check_name(options.get("name"), "/options/name")
        check_payload(options.get("payload"))
    return problems


def _problem(detail: str, pointer: str) -> dict[str, str]:
    return {"detail": detail, "pointer": pointer}


def _read(filter: dict[str, Any]) -> Filters:
    try:
        return Filters.read(filter)
    except InvalidFilter as error:
        told = [{**one, "pointer": one["pointer"].replace("#/query/", "/filter/")} for one in error.problems]
        raise InvalidInput(told) from error


# A page


def _do_page(operation: BulkOperation) -> None:
    page, cursor = _next_ids(operation) if operation.ids is not None else _next_found(operation)
    user = LOCAL_OPERATOR if operation.operator else operation.user
    for execution_id in page:
        problem = _do(operation, user, execution_id)
        if problem:
            operation.refused += 1
            told = {"executionId": execution_id, "detail": problem}
            operation.problems = [*operation.problems, told][:PROBLEMS_KEPT]
        else:
            operation.applied += 1
    operation.cursor = cursor
    _save(operation, over=len(page) < PAGE)


def _save(operation: BulkOperation, *, over: bool) -> None:
    fields: dict[str, Any] = {
        name: getattr(operation, name) for name in ("cursor", "applied", "refused", "problems")
    }
    if over:
        fields |= {"status": BulkOperation.Status.COMPLETED, "ended_at": Now()}
    BulkOperation.objects.using(USING).filter(pk=operation.pk).update(**fields, updated_at=Now())


def _next_ids(operation: BulkOperation) -> tuple[list[str], str]:
    begun = int(operation.cursor or 0)
    ids: list[str] = operation.ids or []
    return ids[begun : begun + PAGE], str(begun + PAGE)


def _next_found(operation: BulkOperation) -> tuple[list[str], str]:
    """Newest first. What has come, or has ended, since the operation began is left out."""
    known = Q(queued_at__lte=operation.created_at)
    known &= Q(ended_at=None) | Q(ended_at__lte=operation.created_at)
    chosen = Filters.read(operation.filter or {})
    found = chosen.apply(_below(Execution.objects.using(USING).newest_first(), operation.cursor)).filter(
        known
    )
    rows = list(found.values_list("pk", "queued_at")[:PAGE])
    cursor = orjson.dumps([rows[-1][1].isoformat(), rows[-1][0]]).decode() if rows else operation.cursor
    return [pk for pk, _ in rows], cursor


def _below(executions: ExecutionQuerySet, cursor: str) -> ExecutionQuerySet:
    if not cursor:
        return executions
    queued_at, execution_id = orjson.loads(cursor)
    moment = datetime.fromisoformat(queued_at)
    below = Q(queued_at__lt=moment) | Q(queued_at=moment, pk__lt=execution_id)
    return executions.filter(below, queued_at__lte=moment)


def _do(operation: BulkOperation, user: Any, execution_id: str) -> str:
    """Why it was refused; empty: it is done. A mistake over one of them must not keep the others waiting."""
    try:
        with transaction.atomic(using=USING):
            execution = Execution.objects.using(USING).only("id", "status").filter(pk=execution_id).first()
            if not may(user, operation.action, execution):
                raise Forbidden(f"You may not {operation.action} this execution.")
            ACTIONS[operation.action](execution_id, operation.options, operation.actor)
    except (OperationalError, InterfaceError) as error:
        if getattr(error.__cause__, "sqlstate", None) != LOCK_NOT_AVAILABLE:
            raise
        return "somebody else holds it: try again"
    except Exception as error:
        return f"{error}"[:500]
    return ""
