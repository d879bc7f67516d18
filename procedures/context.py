"""What a procedure may know and say about the attempt that it runs in."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any


def _never() -> bool:
    return False


def _unheard(fraction: float | None, message: str | None) -> None:
    """Nobody follows the progress of a call outside an execution."""


class Context:
    """Handed to a handler that has a parameter annotated with it.

    ``idempotency_key`` is the same for all attempts of one node run: give it to whatever outside must not act
    twice.
    """

    __slots__ = (
        "_is_cancelled",
        "_report",
        "attempt",
        "execution_id",
        "idempotency_key",
        "node_id",
        "procedure",
        "run_id",
        "workflow_id",
        "workflow_name",
    )

    def __init__(
        self,
        *,
        execution_id: str = "",
        workflow_id: str = "",
        workflow_name: str = "",
        node_id: str = "",
        run_id: str = "",
        attempt: int = 1,
        idempotency_key: str = "",
        procedure: str = "",
        is_cancelled: Callable[[], bool] = _never,
        report: Callable[[float | None, str | None], None] = _unheard,
    ) -> None:
        self.execution_id = execution_id
        self.workflow_id = workflow_id
        self.workflow_name = workflow_name
        self.node_id = node_id
        self.run_id = run_id
        self.attempt = attempt
        self.idempotency_key = idempotency_key
        self.procedure = procedure
        self._is_cancelled = is_cancelled
        self._report = report

    @property
    def cancelled(self) -> bool:
        """Whether the attempt has been told to stop; raise ``Cancelled`` to do so in good order."""
        return self._is_cancelled()

    @property
    def metadata(self) -> dict[str, Any]:
        return {
            "transport": "workflow",
            "workflowId": self.workflow_id,
            "workflowName": self.workflow_name,
            "executionId": self.execution_id,
            "nodeId": self.node_id,
            "nodeProcedure": self.procedure,
        }

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        """A logger whose records carry the attempt's ids, named for the procedure."""
        logger = logging.getLogger(f"c4c.procedure.{self.procedure}")
        return logging.LoggerAdapter(logger, {"metadata": self.metadata, "attempt": self.attempt})

    def progress(self, fraction: float | None = None, message: str | None = None) -> None:
        """Tell how far the work is: ``fraction`` from 0 to 1, and a word about it."""
        self._report(fraction, message)
