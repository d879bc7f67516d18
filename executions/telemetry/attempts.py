"""The bridge to OpenTelemetry: spans that user code makes inside an attempt become its children."""

from __future__ import annotations

import math
from typing import Any
from weakref import WeakKeyDictionary

from opentelemetry import trace
from opentelemetry.context import Context, attach, detach, get_value
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from executions.telemetry.export import add_exporter_from_environment
from executions.telemetry.unseen import mask_span
from executions.vault.current import ATTEMPT
from executions.vault.known import Secrets

MOST_SPANS = 128
"""Per attempt: what a loop in user code makes beyond it is not kept."""
LONGEST_TEXT = 4096

_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_NO_CONTEXT = SpanContext(0, 0, is_remote=False)


def attempt_context(trace_id: str, span_id: str, secrets: Secrets | None = None) -> Attempt:
    """``with attempt_context(…) as attempt: …; attempt.collected()``. ``secrets`` are masked in its spans.

    Within it, in this thread or task, the current OpenTelemetry span is the attempt's. Nothing else is
    looked up or locked: spans are kept by the attempt that they belong to, so executions cannot mix.
    """
    return Attempt(trace_id, span_id, secrets)


def install() -> None:
    """Listen for spans: on the host's SDK provider, or on one of our own where the host has none.

    Called once, when an executor starts; before that nothing is set, so a host may configure its own.
    """
    provider = trace.get_tracer_provider()
    if isinstance(provider, trace.ProxyTracerProvider):
        provider = TracerProvider(shutdown_on_exit=True)
        add_exporter_from_environment(provider)
        trace.set_tracer_provider(provider)
    if isinstance(provider, TracerProvider) and provider not in _listening:
        provider.add_span_processor(_Collector())
        _listening.append(provider)


_listening: list[TracerProvider] = []


class Attempt(NonRecordingSpan):
    """The attempt's span as user code sees it, and the keeper of the spans made under it."""

    def __init__(self, trace_id: str, span_id: str, secrets: Secrets | None = None) -> None:
        # Not super().__init__: the SpanContext is built only when somebody asks, which few procedures do.
        self._context = _NO_CONTEXT
        self._ids = (trace_id, span_id)
        self._made: list[ReadableSpan] = []
        self.secrets = secrets

    def __enter__(self) -> Attempt:
        self._token = attach(set_span_in_context(self, Context({ATTEMPT: self})))
        return self

    def __exit__(self, *failure: object) -> None:
        detach(self._token)

    def get_span_context(self) -> SpanContext:
        if self._context is _NO_CONTEXT:
            trace_id, span_id = (int(part, 16) for part in self._ids)
            self._context = SpanContext(trace_id, span_id, is_remote=False, trace_flags=_SAMPLED)
        return self._context

    def keep(self, span: ReadableSpan) -> None:
        if len(self._made) < MOST_SPANS:
            self._made.append(span)

    def collected(self) -> list[dict[str, Any]]:
        """The spans that ended so far, as the contract's ``spans[]``; one still open is left out."""
        return [document(span) for span in self._made if span.end_time is not None] if self._made else []


class _Collector(SpanProcessor):
    def __init__(self) -> None:
        self._secrets: WeakKeyDictionary[Span, Secrets] = WeakKeyDictionary()

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        attempt = get_value(ATTEMPT, parent_context)
        if isinstance(attempt, Attempt):
            attempt.keep(span)
            if attempt.secrets is not None:
                self._secrets[span] = attempt.secrets

    def _on_ending(self, span: Span) -> None:
        """The SDK's hook before any processor hears of the end."""
        secrets = self._secrets.pop(span, None)
        if secrets:
            mask_span(span, secrets)


def document(span: ReadableSpan) -> dict[str, Any]:
    """An ended OpenTelemetry span in the contract's shape, fit for JSON in PostgreSQL."""
    start, end = (span.start_time or 0) // 1_000_000, (span.end_time or 0) // 1_000_000
    context, parent = span.get_span_context() or _NO_CONTEXT, span.parent
    found: dict[str, Any] = {
        "spanId": trace.format_span_id(context.span_id),
        "traceId": trace.format_trace_id(context.trace_id),
    }
    if parent is not None:
        found["parentSpanId"] = trace.format_span_id(parent.span_id)
    found |= {
        "name": _text(span.name),
        "kind": span.kind.name,
        "startTime": start,
        "endTime": end,
        "duration": end - start,
        "status": _status(span),
        "attributes": _attributes(span.attributes),
    }
    events = [
        {"name": _text(event.name), "timestamp": event.timestamp // 1_000_000}
        | {"attributes": _attributes(event.attributes)}
        for event in span.events[-MOST_SPANS:]
    ]
    return found | {"events": events} if events else found


def _status(span: ReadableSpan) -> dict[str, str]:
    status = {"code": span.status.status_code.name}
    return status | {"message": _text(span.status.description)} if span.status.description else status


def _attributes(attributes: Any) -> dict[str, Any]:
    return {_text(name): _value(value) for name, value in (attributes or {}).items()}


def _value(value: object) -> Any:
    if isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, list | tuple):
        return [_value(item) for item in value[:MOST_SPANS]]
    return _text(value)


def _text(value: object) -> str:
    """PostgreSQL's JSON has no NUL, and UTF-8 no lone surrogates."""
    text = str(value)[:LONGEST_TEXT].replace("\0", "\N{REPLACEMENT CHARACTER}")
    return text.encode("utf-8", "replace").decode()
