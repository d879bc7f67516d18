"""The original's recorded answers: the same names, attributes and tree from our rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from executions.models import NodeRun
from executions.telemetry import spans
from tests.telemetry.rows import an_execution, moment

GOLDEN = Path(__file__).parent / "golden"

COUNTS_BRANCHES = {
    "workflow.current_node_index",
    "workflow.nodes_executed",
    "workflow.nodes_executed_total",
    "workflow.execution_time_ms",
}
"""Where ours differ by contract: branches are executed nodes too, and the time is the span's."""


@pytest.mark.parametrize("name", ["simple-math-workflow", "parallel-workflow"])
def test_spans_have_the_recorded_names_attributes_and_tree(name: str) -> None:
    recorded = json.loads((GOLDEN / f"{name}.json").read_text())["spans"]
    ours = spans(*_rows_of(recorded))
    assert sorted(_tree(ours), key=str) == sorted(_tree(recorded), key=str)


@pytest.mark.parametrize("name", ["simple-math-workflow", "parallel-workflow"])
def test_a_span_has_the_recorded_keys_in_their_order(name: str) -> None:
    recorded = json.loads((GOLDEN / f"{name}.json").read_text())["spans"]
    ours = spans(*_rows_of(recorded))
    keys = {span["name"]: list(span) for span in recorded}
    assert {span["name"]: list(span) for span in ours} == keys
    attributes = {span["name"]: list(span["attributes"]) for span in recorded}
    assert {span["name"]: list(span["attributes"]) for span in ours} == attributes


def _tree(found: list[dict[str, Any]]) -> list[Any]:
    """Per span: the path of names to the root, and all that the recording fixes."""
    by_id = {span["spanId"]: span for span in found}
    assert len(by_id) == len(found)
    return [(_path(span, by_id), _fixed(span)) for span in found]


def _path(span: dict[str, Any], by_id: dict[str, dict[str, Any]]) -> list[str]:
    parent = span.get("parentSpanId")
    above = _path(by_id[parent], by_id) if parent else []
    return [*above, f"{span['name']} {span['attributes'].get('node.id', '')}"]


def _fixed(span: dict[str, Any]) -> dict[str, Any]:
    attributes = {name: value for name, value in span["attributes"].items() if name not in COUNTS_BRANCHES}
    fixed = {key: span[key] for key in ("name", "kind", "startTime", "endTime", "duration", "status")}
    return fixed | {"attributes": attributes}


def _rows_of(recorded: list[dict[str, Any]]) -> tuple[Any, list[NodeRun]]:
    root = recorded[-1]
    told = root["attributes"]
    execution = an_execution(
        nodes=[{"id": str(n)} for n in range(told["workflow.node_count"])],
        id=told["workflow.execution_id"],
        workflow_id=told["workflow.id"],
        workflow_name=told["workflow.name"],
        trace_id=root["traceId"],
        span_id=root["spanId"],
        started_at=moment(root["startTime"]),
        ended_at=moment(root["endTime"]),
    )
    execution.version.definition["startNode"] = told["workflow.start_node"]
    nodes = sorted(
        (span for span in recorded if "node.id" in span["attributes"]),
        key=lambda span: (span["startTime"], -span["duration"]),
    )
    branches = {
        span["spanId"]: span["attributes"] for span in recorded if span["name"] == "workflow.parallel.branch"
    }
    places = {span["attributes"]["node.id"]: place for place, span in enumerate(nodes)}
    return execution, [_run(places, branches.get(span["parentSpanId"]), span) for span in nodes]


def _run(places: dict[str, int], branch: dict[str, Any] | None, span: dict[str, Any]) -> NodeRun:
    told = span["attributes"]
    return NodeRun(
        index=places[told["node.id"]],
        node_id=told["node.id"],
        kind=told["node.type"],
        procedure=told.get("node.procedure", ""),
        status=told["node.status"],
        scope=places[branch["parallel.node_id"]] if branch else None,
        branch=branch["parallel.branch_index"] if branch else None,
        input=json.loads(told.get("procedure.input", "null")),
        output=json.loads(told.get("procedure.output", "null")),
        next_node_id=told.get("node.next"),
        started_at=moment(span["startTime"]),
        ended_at=moment(span["endTime"]),
        ended_seq=10 + places[told["node.id"]],
    )
