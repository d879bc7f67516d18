"""The workflow's own spans, handed to whatever exporter the host or the environment has configured."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping
from importlib.metadata import entry_points
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from executions.models import Execution, NodeRun
from executions.telemetry.fold import spans

logger = logging.getLogger(__name__)

_SCOPE = InstrumentationScope("c4c.workflow")
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)


def export(execution: Execution, node_runs: Iterable[NodeRun]) -> None:
    """Feed an ended execution's spans to the configured processors; nothing where there are none.

    Spans made by user code are left out: they went their way when they ended.
    """
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider) or not exporting():
        return
    runs = list(node_runs)
    theirs = {span["spanId"] for run in runs for span in run.spans}
    for span in spans(execution, runs):
        if span["spanId"] not in theirs:
            for processor in _processors(provider):
                processor.on_end(_readable(span, provider))


def exporting() -> bool:
    """Whether anybody would receive what ``export`` hands out."""
    provider = trace.get_tracer_provider()
    return isinstance(provider, TracerProvider) and bool(_processors(provider))


def add_exporter_from_environment(provider: TracerProvider) -> None:
    """As OpenTelemetry's own start-up does: OTEL_TRACES_EXPORTER, or an OTLP endpoint, names the exporter."""
    endpoint = any(os.environ.get(f"OTEL_EXPORTER_OTLP_{part}ENDPOINT") for part in ("", "TRACES_"))
    name = os.environ.get("OTEL_TRACES_EXPORTER", "otlp" if endpoint else "none")
    if name == "none":
        return
    for found in entry_points(group="opentelemetry_traces_exporter", name=name):
        provider.add_span_processor(BatchSpanProcessor(found.load()()))
        return
    logger.warning("no exporter %r is installed (pip install opentelemetry-exporter-%s)", name, name)


def _processors(provider: TracerProvider) -> list[SpanProcessor]:
    """The provider's processors that do something with an ended span (our collector does not)."""
    # The SDK has no public way to hand it a finished span; without these names there is no export.
    active = getattr(provider, "_active_span_processor", None)
    processors = getattr(active, "_span_processors", ())
    return [one for one in processors if type(one).on_end is not SpanProcessor.on_end]


def _readable(span: Mapping[str, Any], provider: TracerProvider) -> ReadableSpan:
    trace_id, parent = int(span["traceId"], 16), span.get("parentSpanId")
    return ReadableSpan(
        name=span["name"],
        context=_context(trace_id, span["spanId"]),
        parent=_context(trace_id, parent) if parent else None,
        resource=provider.resource,
        attributes=span["attributes"],
        events=[_event(event) for event in span.get("events", ())],
        kind=SpanKind[span["kind"]],
        status=Status(StatusCode[span["status"]["code"]], span["status"].get("message")),
        start_time=span["startTime"] * 1_000_000,
        end_time=span["endTime"] * 1_000_000,
        instrumentation_scope=_SCOPE,
    )


def _context(trace_id: int, span_id: str) -> SpanContext:
    return SpanContext(trace_id, int(span_id, 16), is_remote=False, trace_flags=_SAMPLED)


def _event(event: Mapping[str, Any]) -> Event:
    return Event(event["name"], event["attributes"], event["timestamp"] * 1_000_000)
