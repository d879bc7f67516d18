"""Event sequences kept in files, so that a change of what a workflow does is seen as a diff."""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Any

LATER = frozenset({"timestamp", "startTime", "retryAt", "until"})
"""Epoch milliseconds: told as those since the start."""


def place(folder: str, path: str) -> Path:
    return Path(folder) / path


def compare(result: Any, path: Path, *, update: bool, ignore: frozenset[str] = frozenset()) -> None:
    """Record where there is nothing to compare with. Raises ``AssertionError`` with the difference."""
    lines = sequence(result, ignore)
    if update or not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(written(result, lines), encoding="utf-8")
        return
    recorded = [_line(event) for event in json.loads(path.read_text(encoding="utf-8"))["events"]]
    if recorded != lines:
        found = "\n".join(difflib.unified_diff(recorded, lines, "recorded", "now", lineterm="", n=2))
        hint = "If that is what you want: pytest --c4c-update"
        raise AssertionError(f"{result.workflow_id} does not do what {path} recorded:\n{found}\n\n{hint}")


def sequence(result: Any, ignore: frozenset[str] = frozenset()) -> list[str]:
    """The events, a line each, without what differs between two runs that do the same."""
    names = _names(result)
    start = result.events[0].get("timestamp", 0) if result.events else 0
    return [_line(_plain(event, names, start, ignore)) for event in result.events]


def written(result: Any, lines: list[str]) -> str:
    body = ",\n    ".join(lines)
    return f'{{\n  "workflow": {json.dumps(result.workflow_id)},\n  "events": [\n    {body}\n  ]\n}}\n'


def _names(result: Any) -> dict[str, str]:
    """What executions are called instead of their ids."""
    names = {child.execution_id: f"child {n}" for n, child in enumerate(result.children, 1)}
    return {result.execution_id: "execution", **names}


def _plain(value: Any, names: dict[str, str], start: int, ignore: frozenset[str]) -> Any:
    match value:
        case dict():
            return {
                key: item - start
                if key in LATER and isinstance(item, int)
                else _plain(item, names, start, ignore)
                for key, item in value.items()
                if key not in ignore and key not in ("executionId", "workflowId", "workflowVersion")
            }
        case list():
            return [_plain(item, names, start, ignore) for item in value]
        case str():
            for name, told in names.items():
                value = value.replace(name, told)
    return value


def _line(event: Any) -> str:
    return json.dumps(event, ensure_ascii=False, separators=(", ", ": "))
