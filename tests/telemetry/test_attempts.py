"""Spans that procedures make with the OpenTelemetry API of their own accord."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from executions import telemetry
from executions.telemetry.attempts import MOST_SPANS
from tests.telemetry.rows import TRACE, a_run, an_execution

SPAN = "00f067aa0ba902b7"


@pytest.fixture(autouse=True)
def listening() -> None:
    telemetry.install()


def test_spans_of_user_code_become_children_of_the_attempt() -> None:
    with (
        telemetry.attempt_context(TRACE, SPAN) as attempt,
        _tracer().start_as_current_span("outer"),
        _tracer().start_as_current_span("inner", attributes={"n": 1, "list": ["a", 2.5]}),
    ):
        pass
    outer, inner = attempt.collected()
    assert (outer["traceId"], outer["parentSpanId"]) == (TRACE, SPAN)
    assert (inner["traceId"], inner["parentSpanId"]) == (TRACE, outer["spanId"])
    assert inner["attributes"] == {"n": 1, "list": ["a", 2.5]}


def test_code_outside_an_attempt_leaves_no_trace_in_one() -> None:
    with telemetry.attempt_context(TRACE, SPAN) as attempt:
        _tracer().start_span("a trace of its own", context=Context()).end()
    with _tracer().start_as_current_span("later"):
        pass
    assert attempt.collected() == []
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_attempts_that_run_at_once_keep_their_spans_apart() -> None:
    async def procedure(number: int) -> list[str]:
        with telemetry.attempt_context(f"{number + 1:032x}", SPAN) as attempt:
            for step in range(3):
                with _tracer().start_as_current_span(f"{number}.{step}"):
                    await asyncio.sleep(0)
        return [span["name"] for span in attempt.collected()]

    async def all_at_once() -> list[list[str]]:
        return await asyncio.gather(*map(procedure, range(20)))

    assert asyncio.run(all_at_once()) == [[f"{n}.{step}" for step in range(3)] for n in range(20)]


def test_an_attempt_in_a_thread_does_not_see_the_one_beside_it() -> None:
    found: dict[str, list[str]] = {}
    both = threading.Barrier(2, timeout=5)

    def procedure(name: str) -> None:
        with telemetry.attempt_context(TRACE, SPAN) as attempt:
            both.wait()
            _tracer().start_span(name).end()
            both.wait()
        found[name] = [span["name"] for span in attempt.collected()]

    threads = [threading.Thread(target=procedure, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert found == {"one": ["one"], "two": ["two"]}


def test_a_span_still_open_when_the_attempt_ends_is_left_out() -> None:
    with telemetry.attempt_context(TRACE, SPAN) as attempt:
        left_open = _tracer().start_span("left open")
    assert attempt.collected() == []
    left_open.end()


def test_a_loop_of_spans_is_bounded() -> None:
    with telemetry.attempt_context(TRACE, SPAN) as attempt:
        for _ in range(MOST_SPANS + 50):
            _tracer().start_span("again").end()
    assert len(attempt.collected()) == MOST_SPANS


def test_an_exception_in_user_code_is_told_on_its_span() -> None:
    with (
        telemetry.attempt_context(TRACE, SPAN) as attempt,
        pytest.raises(ValueError, match="no"),
        _tracer().start_as_current_span("fails"),
    ):
        raise ValueError("no")
    (span,) = attempt.collected()
    assert span["status"] == {"code": "ERROR", "message": "ValueError: no"}
    assert [event["name"] for event in span["events"]] == ["exception"]


def test_what_postgresql_cannot_store_is_made_storable() -> None:
    with telemetry.attempt_context(TRACE, SPAN) as attempt:
        span = _tracer().start_span("a\0b", attributes={"k\0": "v\0", "nan": float("nan"), "s": "\ud800"})
        span.end()
    (found,) = attempt.collected()
    assert found["name"] == "a\ufffdb"
    assert found["attributes"] == {"k\ufffd": "v\ufffd", "nan": "nan", "s": "?"}


def test_the_context_costs_a_procedure_that_makes_no_spans_next_to_nothing() -> None:
    def once() -> float:
        started = time.perf_counter()
        for _ in range(2000):
            with telemetry.attempt_context(TRACE, SPAN) as attempt:
                pass
            attempt.collected()
        return (time.perf_counter() - started) / 2000

    assert min(once() for _ in range(10)) < 6e-6  # 1.3 µs measured; the rest is room for slow machines


def test_an_ended_execution_reaches_the_hosts_exporter_with_our_ids(host: InMemorySpanExporter) -> None:
    mine: dict[str, Any] = {
        "spanId": "00000000000000aa",
        "traceId": TRACE,
        "parentSpanId": SPAN,
        "name": "mine",
    }
    mine |= {"kind": "INTERNAL", "startTime": 1795232973001, "endTime": 1795232973002, "attributes": {}}
    error = {"name": "ValueError", "message": "no"}
    execution = an_execution(status="failed", error=error)
    runs = [a_run(0, status="failed", error=error, spans=[mine | {"status": {"code": "OK"}}])]
    telemetry.export(execution, runs)
    node, root = host.get_finished_spans()
    assert root.context is not None
    assert node.parent is not None
    assert trace.format_trace_id(root.context.trace_id) == TRACE
    assert trace.format_span_id(root.context.span_id) == execution.span_id
    assert node.parent.span_id == root.context.span_id
    assert (node.name, node.status.status_code.name, node.events[0].name) == (
        "workflow.node.procedure",
        "ERROR",
        "exception",
    )


def test_nothing_is_exported_where_nobody_listens() -> None:
    script = "from executions import telemetry; telemetry.install(); print(telemetry.exporting())"
    assert _in_a_process(script) == "False"


def test_the_environment_names_an_exporter() -> None:
    script = (
        "from executions import telemetry\n"
        "from tests.telemetry.rows import an_execution, a_run\n"
        "telemetry.install()\n"
        "telemetry.export(an_execution(), [a_run(0)])\n"
    )
    assert '"name": "workflow.execute"' in _in_a_process(script, OTEL_TRACES_EXPORTER="console")


def test_a_missing_exporter_is_told_and_harms_nothing() -> None:
    script = "from executions import telemetry; telemetry.install(); print(telemetry.exporting())"
    assert _in_a_process(script, OTEL_TRACES_EXPORTER="nowhere") == "False"


@pytest.mark.django_db(transaction=True)
def test_an_execution_that_has_ended_is_exported_from_its_rows(host: InMemorySpanExporter) -> None:
    execution, run = an_execution(available_at=None), a_run(0)
    version = execution.version
    version.content_hash = "a" * 64
    version.save()
    execution.version = version
    execution.save()
    run.execution = execution
    run.save()
    telemetry.ended("there is none")
    telemetry.ended(execution.id)
    telemetry.close()
    assert [span.name for span in host.get_finished_spans()] == [
        "workflow.node.procedure",
        "workflow.execute",
    ]


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """A host project that has configured OpenTelemetry itself."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    telemetry.install()
    return exporter


def _tracer() -> trace.Tracer:
    return trace.get_tracer("tests")


def _in_a_process(script: str, **environment: str) -> str:
    """A provider is set once per process, so each case has its own."""
    setup = f"import os; os.environ.update({environment!r})\nimport django; django.setup()\n"
    done = subprocess.run(
        [sys.executable, "-c", setup + script], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.strip()
