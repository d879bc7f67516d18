"""Rows as a flow can go on from them: what was sealed is opened, what lay in files is in its place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from executions.executor.claiming.claims import Claimed
from executions.flow.state import Flow
from executions.vault.known import Secrets
from executions.vault.stored import Damaged, Stored, opened

COLUMNS = ("input", "output", "details")


class Opened(NamedTuple):
    input: dict[str, Any]
    runs: list[Any]
    secrets: Secrets
    damage: dict[str, Any] | None
    """Why the execution cannot go on from its rows."""


def elsewhere(executions: Iterable[Claimed], runs: Mapping[str, Iterable[Any]]) -> list[Stored]:
    """What has to be fetched before these can be opened."""
    values = [row.input for row in executions]
    values += [run.output for found in runs.values() for run in found]
    return [value for value in values if isinstance(value, Stored) and value.reference is not None]


def opened_rows(row: Claimed, runs: Iterable[Any]) -> Opened:
    """Raises ``Unreadable`` where no key fits, and what a storage raises that cannot be reached."""
    secrets, damage = Secrets(), None
    input: dict[str, Any] = {}
    try:
        input = opened(row.input, secrets)
    except Damaged as error:
        damage = _damage(f"the input: {error}", None)
    found = []
    for run in runs:
        try:
            found.append(_opened(run, secrets))
        except Damaged as error:
            damage = damage or _damage(f"the output of {run.node_id}: {error}", run.node_id)
            found.append(run._replace(output=None))
    return Opened(input, found, secrets, damage)


def keep_as_stored(flow: Flow, runs: Iterable[Any]) -> None:
    """What lies sealed, or in a file, stays so when its run is written again."""
    for run in runs:
        if isinstance(run.output, Stored):
            kept = flow.runs[run.index]
            kept.encoded, kept.shown = run.output.encoded


def _opened(run: Any, secrets: Secrets) -> Any:
    sealed = [name for name in COLUMNS if isinstance(getattr(run, name), Stored)]
    return run._replace(**{name: opened(getattr(run, name), secrets) for name in sealed}) if sealed else run


def _damage(message: str, node_id: str | None) -> dict[str, Any]:
    return {"name": "PayloadLost", "message": message, "nodeId": node_id}
