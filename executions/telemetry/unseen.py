"""Nothing secret in what user code hands to the outside by itself: its log's records, its spans."""

from __future__ import annotations

import logging
from typing import Any

from opentelemetry.sdk.trace import Event, Span
from opentelemetry.trace import Status

from executions.vault.current import current_secrets
from executions.vault.known import Secrets

_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_FORMAT = logging.Formatter()


def guard_log(procedure: str) -> None:
    """From now on the records of the procedure's log are masked, each with what its own execution knows."""
    logging.getLogger(f"c4c.procedure.{procedure}").addFilter(_mask_record)


def _mask_record(record: logging.LogRecord) -> bool:
    secrets = current_secrets()
    if secrets:
        _mask(record, secrets)
    return True


def _mask(record: logging.LogRecord, secrets: Secrets) -> None:
    try:
        text = record.getMessage()
    except Exception:  # its arguments do not fit: whoever writes it says so, with neither
        text, record.args = str(record.msg), ()
    masked = secrets.masked_text(text)
    if masked != text:
        record.msg, record.args = masked, ()
    if record.exc_info:
        told = record.exc_text or _FORMAT.formatException(record.exc_info)
        if (masked := secrets.masked_text(told)) != told:
            record.exc_info, record.exc_text = None, masked
    if record.stack_info:
        record.stack_info = secrets.masked_text(record.stack_info)
    for name in vars(record).keys() - _PLAIN:
        setattr(record, name, secrets.masked(getattr(record, name)))


def mask_span(span: Span, secrets: Secrets) -> None:
    """As it is about to end, before anybody exports it."""
    # The SDK lets a span be added to, not corrected: there is no public way to take a value back.
    own: Any = span
    own._name = secrets.masked_text(span.name)
    own._attributes = _masked(own._attributes, secrets)
    own._events = [
        Event(secrets.masked_text(event.name), _masked(event.attributes, secrets), event.timestamp)
        for event in span.events
    ]
    if span.status.description:
        own._status = Status(span.status.status_code, secrets.masked_text(span.status.description))


def _masked(attributes: Any, secrets: Secrets) -> dict[str, Any]:
    found = secrets.masked(dict(attributes or {}))
    return {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}
