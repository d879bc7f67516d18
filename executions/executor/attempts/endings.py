"""What an attempt comes to, as a value: the checked answer, or the failure as it is remembered."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import orjson

from executions.conf import conf
from executions.executor.attempts.keeping import refuse_huge, too_large
from executions.executor.attempts.retry_after import retry_after_of
from executions.flow.outcomes import Completed, Failed, Outcome, Stopped
from executions.payloads import largest
from procedures import Cancelled, NonRetryable, Procedure, Retry
from procedures.errors import InvalidInput, InvalidOutput, ProcedureNotFound

STACK_LINES = 30
MESSAGE_LENGTH = 4000
HERE = str(Path(__file__).parent)

Spans = list[dict[str, Any]]


def completed(procedure: Procedure, answer: Any, spans: Spans) -> Completed:
    """Check the answer against the contract and the limits. Raises ``InvalidOutput``."""
    refuse_huge(answer, largest())
    output = procedure.contract.dump_output(answer)
    try:
        encoded = orjson.dumps(output)
    except (TypeError, ValueError) as error:
        raise InvalidOutput([{"detail": f"not JSON: {error}", "pointer": ""}]) from None
    if len(encoded) > largest():
        raise too_large(len(encoded), largest())
    return Completed(output, encoded, spans)


def failed(error: BaseException, spans: Spans | None = None) -> Outcome:
    """The failure as it is remembered; what the procedure itself has decided is kept."""
    kept = spans or []
    name, names = type(error).__name__, names_of(type(error))
    message = readable(_message(error) or name)
    match error:
        case Cancelled():
            return Stopped(spans=kept)
        case Retry():
            return Failed(
                "Retry", message, names=names, asked_to_retry=True, retry_after=error.after, spans=kept
            )
        case NonRetryable() | InvalidInput() | InvalidOutput() | ProcedureNotFound():
            return Failed(name, message, names=names, retryable=False, spans=kept)
        case _:
            hint = retry_after_of(error, conf.MAX_RETRY_AFTER_SECONDS)
            return Failed(name, message, stack_of(error), names, retry_after=hint, spans=kept)


def failed_as(kind: type[BaseException], message: str) -> Failed:
    """A failure that nobody has raised: a limit that was reached, a process that died."""
    return Failed(kind.__name__, readable(message), names=names_of(kind))


def names_of(kind: type[BaseException]) -> tuple[str, ...]:
    """Its class and its bases, by which retry policies may speak of it."""
    return tuple(base.__name__ for base in kind.__mro__ if issubclass(base, BaseException))


def stack_of(error: BaseException) -> str:
    """The end of the traceback, without the engine's own frames."""
    entries = [e for e in traceback.extract_tb(error.__traceback__) if not e.filename.startswith(HERE)]
    lines = traceback.format_list(entries[-STACK_LINES:])
    return readable("".join([*lines, *traceback.format_exception_only(error)]), 4 * MESSAGE_LENGTH)


def readable(text: str, length: int = MESSAGE_LENGTH) -> str:
    """Text that PostgreSQL can store: no NUL, no lone surrogates, not endless."""
    return text.replace("\0", "\N{SYMBOL FOR NULL}").encode("utf-8", "replace").decode()[:length]


def _message(error: BaseException) -> str:
    """An exception's text is user code, too."""
    try:
        return str(error)
    except Exception as broken:
        return f"its text cannot be told: {type(broken).__name__}"
