from datetime import datetime, timedelta
from typing import Any

from executions.flow.kinds.verdict import Done, Park, Refused
from executions.flow.state import Flow, Run
from executions.flow.values import problem
from executions.moments import iso
from workflows.definition import Problem, WaitNode
from workflows.expressions import Template
from workflows.kinds.delay import LONGEST
from workflows.kinds.wait import NAME_LENGTH
from workflows.schemas import Schema, schema_problems

APPROVAL = "approval"


def start(flow: Flow, run: Run, now: datetime) -> Park:
    """Wait for a signal, an approval or an internal event; not longer than the node permits."""
    node = _node(run)
    until = _until(flow, run, now)
    if node.signal is not None:
        name = _text(flow, run, node.signal, "signal")
        run.input = _with_limit({"signal": name}, until)
        return Park(until, f"waiting for the signal {name}", f"signal:{name}")
    if node.event is not None:
        name, key = _text(flow, run, node.event, "event"), _key(flow, run)
        run.input = _with_limit({"event": name, "key": key}, until)
        return Park(until, f"waiting for the event {name}", f"event:{name}:{key}")
    assert node.approval is not None
    run.input = _with_limit(_approval(flow, run, node.approval), until)
    return Park(until, "waiting for an approval", APPROVAL)


def resume(flow: Flow, run: Run, now: datetime) -> Done:
    """Too late."""
    waited = round((now - (run.attempt_at or now)).total_seconds(), 3)
    raise Refused("TimeoutError", f"nothing came within {waited:g} s ({run.wait_reason})")


def given(run: Run, payload: Any) -> Done:
    """What it has waited for is there."""
    return Done(payload, run.node.next)


def misfits(approval: dict[str, Any], payload: Any) -> list[Problem]:
    """What of an approval's payload does not fit its form; a form that is none asks for nothing."""
    form = approval.get("form")
    if not isinstance(form, dict) or any(schema_problems(form, "")):
        return []
    return list(Schema(form).problems({} if payload is None else payload))


def _approval(flow: Flow, run: Run, asked: Template) -> dict[str, Any]:
    found = asked.resolve(flow.scope_of(run.frame))
    told: dict[str, Any] = {"users": [], "groups": [], "message": "", **found}
    for name in ("users", "groups"):
        if not (isinstance(told[name], list) and all(isinstance(each, str) for each in told[name])):
            raise Refused("ExpressionError", f"approval.{name}: expected a list of names, got {told[name]!r}")
    if not isinstance(told["message"], str):
        raise Refused("ExpressionError", f"approval.message: expected a text, got {told['message']!r}")
    wrong = problem(told)
    if wrong is not None:
        raise Refused("ExpressionError", f"approval: {wrong}")
    return told


def _text(flow: Flow, run: Run, told: Template, field: str) -> str:
    found = told.resolve(flow.scope_of(run.frame))
    if not (isinstance(found, str) and 1 <= len(found) <= NAME_LENGTH and problem(found) is None):
        raise Refused("ExpressionError", f"{field}: expected a name of 1 to {NAME_LENGTH} characters")
    return _seen(flow, found, field)


def _key(flow: Flow, run: Run) -> str:
    """The key that the event must have; "" where the node names none."""
    key = run.node.key
    if key is None:
        return ""
    found = key.evaluate(flow.scope_of(run.frame))
    told = found if isinstance(found, str) else str(found)
    if found is None or len(told) > NAME_LENGTH or problem(told) is not None:
        raise Refused("ExpressionError", f"key: expected a text of at most {NAME_LENGTH} characters")
    return _seen(flow, told, "key")


def _seen(flow: Flow, text: str, field: str) -> str:
    """What it waits for is told to everybody, and looked for as it is."""
    if flow.secrets.found_in(text):
        raise Refused("SecretExposed", f"{field}: it would show a secret; use something else to name it")
    return text


def _until(flow: Flow, run: Run, now: datetime) -> datetime | None:
    limit = _node(run).limit
    if limit is None:
        return None
    seconds = limit.resolve(flow.scope_of(run.frame))
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= LONGEST:
        raise Refused(
            "ExpressionError", f"timeout: expected seconds, from 0 to a hundred years, got {seconds!r}"
        )
    return now + timedelta(seconds=seconds)


def _with_limit(told: dict[str, Any], until: datetime | None) -> dict[str, Any]:
    return told if until is None else {**told, "until": iso(until)}


def _node(run: Run) -> WaitNode:
    assert isinstance(run.node, WaitNode)
    return run.node
