"""``custom.*``: messages, time and work, to show what a workflow does while it runs."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from typing import Annotated, Any, Literal

from django.conf import settings
from django.core.mail import send_mail
from pydantic import BaseModel, Field

from c4c_site.demo.procedures.data import Wire
from c4c_site.demo.procedures.family import demo, now
from procedures import Cancelled, Context, NonRetryable

log = logging.getLogger("c4c.demo")

CHUNK = 20_000
"""Iterations between two looks at whether to stop; also lets other threads run."""


class Logged(BaseModel):
    logged: bool = True
    timestamp: str


class Finalized(BaseModel):
    finalized: bool = True
    timestamp: str


class Handled(Wire):
    handled: bool = True
    error_message: str = Field(alias="errorMessage")
    timestamp: str


class Sent(BaseModel):
    sent: bool = True
    timestamp: str


class Delayed(Wire):
    delayed: bool = True
    seconds: int | float
    start_time: str = Field(alias="startTime")
    end_time: str = Field(alias="endTime")


class Computed(BaseModel):
    completed: bool = True
    iterations: int
    result: float
    duration: int = Field(description="Milliseconds")


@demo("custom.log", "Logs a message", "logging")
def log_message(
    message: str, level: Literal["info", "warn", "error"] = "info", data: dict[str, Any] | None = None
) -> Logged:
    number = {"info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}[level]
    log.log(number, "%s%s", message, f" {data}" if data else "")
    return Logged(timestamp=now())


@demo("custom.logEvent", "Logs an event with message", "logging", "events")
def log_event(message: str, event: Any = None) -> Logged:
    log.info("[EVENT] %s %s", message, event)
    return Logged(timestamp=now())


@demo("custom.delay", "Delays execution for specified seconds (for demo purposes)", "timing", "demo")
async def delay(seconds: Annotated[int | float, Field(ge=0, le=300)], message: str | None = None) -> Delayed:
    began = now()
    log.info("[delay] %s", message or f"Waiting {seconds} seconds...")
    await asyncio.sleep(seconds)
    log.info("[delay] Completed after %s seconds", seconds)
    return Delayed(seconds=seconds, start_time=began, end_time=now())


@demo("custom.heavyComputation", "Performs heavy computation (for demo purposes)", "computation", "demo")
def heavy_computation(
    iterations: Annotated[int, Field(ge=1, le=1_000_000)], context: Context, label: str | None = None
) -> Computed:
    """The sum of sqrt(i)·sin(i), in a thread of its own, stoppable between chunks."""
    log.info("[heavyComputation] %s", label or f"{iterations} iterations")
    began, total = time.perf_counter(), 0.0
    for first in range(0, iterations, CHUNK):
        if context.cancelled:
            raise Cancelled("stopped between two chunks")
        for i in range(first, min(first + CHUNK, iterations)):
            total += math.sqrt(i) * math.sin(i)
    duration = round((time.perf_counter() - began) * 1000)
    return Computed(iterations=iterations, result=total, duration=duration)


@demo("custom.finalize", "Finalizes workflow execution", "finalization")
def finalize(message: str, data: Any = None) -> Finalized:
    log.info("[finalize] %s", message)
    return Finalized(timestamp=now())


@demo("custom.handleError", "Handles workflow errors", "error-handling")
def handle_error(error: Any, event: Any = None) -> Handled:
    message = error.get("message") if isinstance(error, dict) else None
    told = str(message if message is not None else error)
    log.error("[handleError] %s", told)
    return Handled(error_message=told, timestamp=now())


@demo("custom.sendNotification", "Sends a notification", "notifications")
def send_notification(message: str, channel: str = "log") -> Sent:
    """Channels: ``log``, and ``email`` to ``settings.C4C_NOTIFICATION_EMAILS``."""
    sender = CHANNELS.get(channel)
    if sender is None:
        raise NonRetryable(f"channel: {channel!r} is not configured; there are {', '.join(sorted(CHANNELS))}")
    sender(message)
    return Sent(timestamp=now())


def _to_log(message: str) -> None:
    log.info("[sendNotification] [log] %s", message)


def _to_email(message: str) -> None:
    receivers = getattr(settings, "C4C_NOTIFICATION_EMAILS", [])
    if not receivers:
        raise NonRetryable(
            "channel: 'email' is not configured; name its receivers in C4C_NOTIFICATION_EMAILS"
        )
    send_mail("Notification", message, None, list(receivers))


CHANNELS = {"log": _to_log, "email": _to_email}
