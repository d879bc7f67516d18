"""What a procedure may know and say about the attempt that it runs in."""

from __future__ import annotations

import logging
from collections.abc import Callable, MutableMapping
from typing import Any, Protocol


class Listener(Protocol):
    """Hears what user code tells, from any thread."""

    def progress(self, fraction: float | None, message: str | None) -> None: ...

    def heartbeat(self, details: Any) -> None: ...

    def log(self, level: int, message: str) -> None: ...

    def stream(self, chunk: str) -> None: ...


class Nobody:
    """Listens to a call outside an execution."""

    def progress(self, fraction: float | None, message: str | None) -> None: ...

    def heartbeat(self, details: Any) -> None: ...

    def log(self, level: int, message: str) -> None: ...

    def stream(self, chunk: str) -> None: ...


class AttemptLog(logging.LoggerAdapter[logging.Logger]):
    """A logger whose records carry the attempt's ids; from INFO on they are told as progress, too.

    These whatever the project's LOGGING says: it decides on the records alone.
    """

    def __init__(self, logger: logging.Logger, extra: dict[str, Any], listener: Listener) -> None:
        super().__init__(logger, extra)
        self._listener = listener

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        kwargs["stacklevel"] = kwargs.get("stacklevel", 1) + 1  # who calls is user code, not this line
        super().log(level, msg, *args, **kwargs)
        if level >= logging.INFO:
            self._listener.log(level, _worded(msg, args))

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """A record's own ``extra`` is kept beside the attempt's."""
        kwargs["extra"] = {**(kwargs.get("extra") or {}), **(self.extra or {})}
        return msg, kwargs


def _never() -> bool:
    return False


class Context:
    """Handed to a handler that has a parameter annotated with it.

    ``idempotency_key`` is the same for all attempts of one node run: give it to whatever outside must not act
    twice. ``heartbeat_details``: what the last attempt told with ``heartbeat``; None in the first.
    """

    __slots__ = (
        "_is_cancelled",
        "_listener",
        "_log",
        "attempt",
        "execution_id",
        "heartbeat_details",
        "idempotency_key",
        "node_id",
        "procedure",
        "run_id",
        "workflow_id",
        "workflow_name",
    )

    def __init__(  # noqa: PLR0913  (each has a name and a default)
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
        heartbeat_details: Any = None,
        is_cancelled: Callable[[], bool] = _never,
        listener: Listener | None = None,
    ) -> None:
        self.execution_id = execution_id
        self.workflow_id = workflow_id
        self.workflow_name = workflow_name
        self.node_id = node_id
        self.run_id = run_id
        self.attempt = attempt
        self.idempotency_key = idempotency_key
        self.procedure = procedure
        self.heartbeat_details = heartbeat_details
        self._is_cancelled = is_cancelled
        self._listener: Listener = listener or Nobody()
        self._log: AttemptLog | None = None

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
        """A logger of the procedure's own name; from INFO on the execution's log tells what it says."""
        if self._log is None:
            logger = logging.getLogger(f"c4c.procedure.{self.procedure}")
            told = {"metadata": self.metadata, "attempt": self.attempt}
            self._log = AttemptLog(logger, told, self._listener)
        return self._log

    def progress(self, fraction: float | None = None, message: str | None = None) -> None:
        """Tell how far the work is: ``fraction`` from 0 to 1, and a word about it.

        As often as you like: at most about ten a second are told on, and the last one always is.
        """
        self._listener.progress(fraction, message)

    def heartbeat(self, details: Any = None) -> None:
        """Say that the work goes on, for the node's ``timeout.heartbeat``.

        ``details``: where it stands, as JSON; the next attempt finds it in ``heartbeat_details``. None leaves
        what was told before. Raises ``ValueError`` where it is no JSON or too large.
        """
        self._listener.heartbeat(details)

    def stream(self, chunk: str) -> None:
        """Tell a piece of text as it comes into being, such as a model's words, to those who watch.

        Raises ``LimitExceeded`` where an attempt tells more than may be kept.
        """
        self._listener.stream(chunk)


def _worded(msg: object, args: tuple[object, ...]) -> str:
    """As a record words itself, though nothing here may raise."""
    record = logging.LogRecord("", logging.INFO, "", 0, msg, args, None)
    try:
        return record.getMessage()
    except Exception:
        return str(msg)
