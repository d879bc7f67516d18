"""What spans say of an execution and of a node run. JSON values are text, as JSON.stringify writes it."""

from __future__ import annotations

from typing import Any

import orjson

from executions.models import Execution, NodeRun
from executions.moments import elapsed
from executions.states import ExecutionStatus, NodeStatus
from executions.vault.stored import Elsewhere
from procedures import registry

LARGEST_VALUE = 16 * 1024
"""Bytes of JSON in one attribute; what is larger is read from the execution itself."""


def execution_attributes(execution: Execution, executed: list[NodeRun]) -> dict[str, Any]:
    """``executed``: the runs that started, in order; branches are counted."""
    definition = execution.version.definition
    attributes: dict[str, Any] = {
        "workflow.id": execution.workflow_id,
        "workflow.name": execution.workflow_name,
        "workflow.version": execution.version.label,
        "workflow.execution_id": execution.id,
        "workflow.start_node": definition.get("startNode"),
        "workflow.node_count": len(definition.get("nodes", ())),
    }
    if executed:
        attributes |= {
            "workflow.current_node": executed[-1].node_id,
            "workflow.current_node_index": len(executed) - 1,
            "workflow.nodes_executed": len(executed),
        }
    attributes["workflow.status"] = execution.status
    if ExecutionStatus(execution.status).is_terminal:
        attributes |= _totals(execution, len(executed))
    return attributes


def node_attributes(
    execution: Execution,
    run: NodeRun,
    own: dict[str, Any],
    *,
    attempt: int,
    status: str,
    error: dict[str, Any] | None,
) -> dict[str, Any]:
    """``own``: what only nodes of this kind tell."""
    attributes: dict[str, Any] = {
        "workflow.id": execution.workflow_id,
        "workflow.execution_id": execution.id,
        "node.id": run.node_id,
        "node.type": run.kind,
    }
    if run.procedure:
        attributes["node.procedure"] = run.procedure
    attributes |= own
    if attempt > 1:
        attributes["node.attempt"] = attempt
    attributes["node.status"] = status
    if attempt == run.attempt and run.next_node_id:
        attributes["node.next"] = run.next_node_id
    if error:
        attributes["node.error"] = str(error.get("message") or error.get("name") or "")
    return attributes


def procedure_attributes(run: NodeRun, status: str) -> dict[str, Any]:
    taken, made = _fields(run.procedure)
    attributes = _json("procedure.input", _ordered(run.input, taken)) if run.input is not None else {}
    if status == NodeStatus.COMPLETED:
        output = _ordered(run.output, made)
        attributes |= _json("procedure.output", output)
        known = isinstance(output, dict) and not isinstance(output, Elsewhere)
        attributes["procedure.output_keys"] = ",".join(output if known else ())
    return attributes


def condition_attributes(
    run: NodeRun, status: str, config: dict[str, Any], variables: dict[str, Any]
) -> dict[str, Any]:
    attributes: dict[str, Any] = {"condition.expression": str(config.get("expression", ""))}
    attributes |= _json("condition.variables", variables)
    if status == NodeStatus.COMPLETED:
        attributes["condition.result"] = run.next_node_id == config.get("trueBranch")
        attributes["condition.branch_taken"] = run.next_node_id or ""
    return attributes


def _totals(execution: Execution, executed: int) -> dict[str, Any]:
    attributes: dict[str, Any] = {"workflow.nodes_executed_total": executed}
    if execution.ended_at is not None:
        spent = elapsed(execution.started_at or execution.queued_at, execution.ended_at)
        attributes["workflow.execution_time_ms"] = spent
    if execution.error:
        attributes["workflow.error"] = str(execution.error.get("message") or "")
    return attributes


def _fields(procedure: str) -> tuple[list[str], list[str]]:
    """What the procedure takes and what it answers, as declared; nothing where it is not declared here."""
    if procedure not in registry:
        return [], []
    contract = registry.get(procedure).contract
    return list(contract.fields), list(contract.output_schema.get("properties", ()))


def _ordered(value: Any, names: list[str]) -> Any:
    """As the procedure declares its fields: PostgreSQL's JSON keeps no order."""
    if not isinstance(value, dict) or isinstance(value, Elsewhere):
        return value
    known = {name: value[name] for name in names if name in value}
    return known | {name: item for name, item in value.items() if name not in known}


def _json(name: str, value: object) -> dict[str, Any]:
    if isinstance(value, Elsewhere):
        return {f"{name}_truncated": True}
    text = orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)
    return {name: text.decode()} if len(text) <= LARGEST_VALUE else {f"{name}_truncated": True}
