"""``custom.*``: messages, time and work, to show what a workflow does while it runs."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import time
from typing import Annotated, Any, Literal

from pydantic import Field

from c4c_site.demo.procedures import channels
from c4c_site.demo.procedures.family import Wire, demo, now, number
from procedures import Cancelled, Context

LEVELS = {"info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}
CHUNK = 2_000
"""Iterations at a stretch: some 0.2 ms, so that whoever waits for the interpreter hardly waits."""


class Logged(Wire):
    logged: bool = True
    timestamp: str


class Delayed(Wire):
    delayed: bool = True
    seconds: int | float
    start_time: str
    end_time: str


class Computed(Wire):
    completed: bool = True
    iterations: int
    result: float
    duration: Annotated[int, Field(description="Milliseconds")]


class Finalized(Wire):
    finalized: bool = True
    timestamp: str


class Handled(Wire):
    handled: bool = True
    error_message: str
    timestamp: str


class Sent(Wire):
    sent: bool = True
    timestamp: str


@demo("custom.log", "Logs a message", "logging")
def log_message(
    message: str,
    context: Context,
    level: Literal["info", "warn", "error"] = "info",
    data: dict[str, Any] | None = None,
) -> Logged:
    context.log.log(LEVELS[level], "%s%s", message, f" {_json(data)}" if data else "")
    return Logged(timestamp=now())


@demo("custom.logEvent", "Logs an event with message", "logging", "events")
def log_event(message: str, context: Context, event: Any = None) -> Logged:
    context.log.info("[EVENT] %s %s", message, _json(event))
    return Logged(timestamp=now())


@demo("custom.delay", "Delays execution for specified seconds (for demo purposes)", "timing", "demo")
async def delay(
    seconds: Annotated[float, Field(ge=0, le=300)], context: Context, message: str | None = None
) -> Delayed:
    start, told = now(), number(seconds)
    context.log.info("[delay] %s", message or f"Waiting {told} seconds...")
    await asyncio.sleep(seconds)
    context.log.info("[delay] Completed after %s seconds", told)
    return Delayed(seconds=told, start_time=start, end_time=now())


@demo("custom.heavyComputation", "Performs heavy computation (for demo purposes)", "computation", "demo")
def heavy_computation(
    iterations: Annotated[int, Field(ge=1, le=1_000_000)], context: Context, label: str | None = None
) -> Computed:
    """The sum of sqrt(i)·sin(i) for i below ``iterations``; can be stopped between two chunks."""
    context.log.info("[heavyComputation] %s", label or f"{iterations} iterations")
    began, total = time.perf_counter(), 0.0
    for start in range(0, iterations, CHUNK):
        if context.cancelled:
            raise Cancelled(f"stopped after {start} of {iterations} iterations")
        for i in range(start, min(start + CHUNK, iterations)):
            total += math.sqrt(i) * math.sin(i)
        time.sleep(0)  # lets go of the interpreter: without it, the event loop gets it only every 5 ms
    duration = round((time.perf_counter() - began) * 1000)
    return Computed(iterations=iterations, result=total, duration=duration)


@demo("custom.finalize", "Finalizes workflow execution", "finalization")
def finalize(message: str, context: Context, data: Any = None) -> Finalized:
    context.log.info("[finalize] %s", message)
    return Finalized(timestamp=now())


@demo("custom.handleError", "Handles workflow errors", "error-handling")
def handle_error(error: Any, context: Context, event: Any = None) -> Handled:
    """``error``: a text, or an object with a message, as an ``onError`` node finds it in ``error``."""
    told = error.get("message", error) if isinstance(error, dict) else error
    message = told if isinstance(told, str) else _json(told)
    context.log.error("[handleError] %s", message)
    return Handled(error_message=message, timestamp=now())


@demo("custom.sendNotification", "Sends a notification", "notifications")
def send_notification(message: str, context: Context, channel: str = "log") -> Sent:
    channels.send(channel, message, context)
    return Sent(timestamp=now())


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
