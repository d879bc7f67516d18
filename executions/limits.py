"""From a definition's limits to a gate: the keys under which one execution takes places, and its lane."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

from executions.errors import InvalidInput
from workflows.definition import Definition
from workflows.expressions import Expression, ExpressionError
from workflows.models import WorkflowVersion

Gate = list[dict[str, Any]]
"""``[{key, limit, seconds?, value?}]``: one entry for each key; ``value`` is what its expression came to."""

LONGEST_VALUE = 120
"""Characters of a value that are told in a key; what is longer is told by its hash."""


class Asked:
    """An execution that is about to be stored, as the expressions of its definition's limits see it."""

    def __init__(
        self, version: WorkflowVersion, definition: Definition, input: Mapping[str, Any], execution_id: str
    ) -> None:
        self._limits = definition.limits
        # An inline definition must not take the places of the stored one whose id it has.
        inline = version.workflow_id is None
        self._workflow = f"{definition.id}@{version.content_hash[:12]}" if inline else definition.id
        self._scope = {
            "input": input,
            "vars": {**definition.variables, **input},
            "trigger": input.get("trigger"),
            "execution": {"id": execution_id, "workflowId": definition.id},
        }

    def gate(self) -> Gate:
        """Empty: it need not wait. Raises ``InvalidInput`` where a key cannot be evaluated."""
        found: dict[str, dict[str, Any]] = {}
        for place, one in enumerate(self._limits.concurrency):
            entry = self._entry("concurrency", one.key, f"limits.concurrency[{place}].key")
            self._add(found, {**entry, "limit": one.limit})
        for place, rate in enumerate(self._limits.rate):
            entry = self._entry(f"rate {rate.seconds:g}", rate.key, f"limits.rate[{place}].key")
            self._add(found, {**entry, "limit": rate.limit, "seconds": rate.seconds})
        return [found[key] for key in sorted(found)]

    def lane(self, queue: str, gate: Gate) -> str:
        """One name for all that wait for the same: the queue, every key and limit, and the fairness key."""
        fairness = self._limits.fairness
        turn = None if fairness is None else self._value(fairness, "limits.fairness")
        content = orjson.dumps([queue, gate, turn], option=orjson.OPT_SORT_KEYS)
        return f"{self._workflow}/{hashlib.sha256(content).hexdigest()[:32]}"

    def _entry(self, kind: str, key: Expression | None, pointer: str) -> dict[str, Any]:
        """The key has the expression's text, not its place: it stays when a new version has more limits."""
        if key is None:
            return {"key": f"{self._workflow} {kind}"}
        value = self._value(key, pointer)
        told = orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
        if len(told) > LONGEST_VALUE:
            told = hashlib.sha256(told.encode()).hexdigest()
        name = hashlib.sha256(key.source.encode()).hexdigest()[:8]
        return {"key": f"{self._workflow} {kind} {name}={told}", "value": told}

    def _value(self, key: Expression, pointer: str) -> Any:
        try:
            return key.evaluate(self._scope)
        except ExpressionError as error:
            detail = f"{pointer} cannot be evaluated for this input: {error}"
            raise InvalidInput([{"detail": detail, "pointer": "/input"}]) from None

    @staticmethod
    def _add(found: dict[str, dict[str, Any]], entry: dict[str, Any]) -> None:
        """Of two limits with one key the smaller one holds."""
        known = found.get(entry["key"])
        if known is None or entry["limit"] < known["limit"]:
            found[entry["key"]] = entry
