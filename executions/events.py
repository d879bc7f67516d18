"""The event log's payloads: what a row says on the wire."""

from __future__ import annotations

from typing import Any


def payload(execution_id: str, workflow_id: str, seq: int, type: str, data: dict[str, Any]) -> dict[str, Any]:
    """The event as streams, webhooks and the API tell it."""
    return {"type": type, "workflowId": workflow_id, "executionId": execution_id, "seq": seq, **data}


def run_id(execution_id: str, index: int) -> str:
    """One name for a node run over all its attempts; also the idempotency key that user code gets."""
    return f"{execution_id}.{index}"
